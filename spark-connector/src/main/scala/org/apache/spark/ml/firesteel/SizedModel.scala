// The size of a model, which Spark ML asks its own packages only.
package org.apache.spark.ml.firesteel

import org.apache.spark.ml.Model

/** A model that tells the server of Spark Connect (4.0 and newer) how much memory it takes there, which has a limit. */
trait SizedModel[M <: Model[M]] extends Model[M] {

  /** Of its weights, which is all but a little. */
  protected def weightBytes: Long

  override private[spark] def estimatedSize: Long = weightBytes
}
