// The trait of a model with a summary, which Spark ML shows to its own packages only.
package org.apache.spark.ml.firesteel

import org.apache.spark.ml.param.Params
import org.apache.spark.ml.util.HasTrainingSummary

/** A model that may have a summary of its training. */
trait HasSummary[T] extends HasTrainingSummary[T] { self: Params =>

  /** The summary, if there is one: a loaded model has none. */
  def summarised: Option[T] = trainingSummary

  /** Gives it one, or none. */
  def summarised(summary: Option[T]): this.type = {
    setSummary(summary)
    this
  }
}
