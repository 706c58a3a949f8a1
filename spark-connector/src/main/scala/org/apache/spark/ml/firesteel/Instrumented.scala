// What Spark ML shows to its own packages only.
package org.apache.spark.ml.firesteel

import org.apache.spark.SparkContext
import org.apache.spark.ml.PipelineStage
import org.apache.spark.ml.param.{Param, Params}
import org.apache.spark.ml.util.Instrumentation.instrumented
import org.apache.spark.ml.util.{DefaultParamsReader, DefaultParamsWriter, HasTrainingSummary}
import org.apache.spark.sql.Dataset
import scala.annotation.nowarn

object Instrumented {

  /** Runs a fit as Spark's own estimators do: its Params, its data and its failure are logged under one name. */
  def run[A](stage: PipelineStage, dataset: Dataset[_], params: Param[_]*)(body: => A): A = instrumented { log =>
    log.logPipelineStage(stage)
    log.logDataset(dataset)
    log.logParams(stage, params: _*)
    body
  }
}

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

/** The file `metadata` of a saved stage: its class, uid and Params. The methods that take a context are deprecated since Spark
  * 4.0, and the only ones that 3.5 has too.
  */
@nowarn("cat=deprecation")
object StageMetadata {
  def save(stage: Params, path: String, sc: SparkContext): Unit = DefaultParamsWriter.saveMetadata(stage, path, sc)

  /** Makes the stage of that class by `make` from its uid, and sets its Params. */
  def load[A <: Params](path: String, sc: SparkContext, expected: Class[A])(make: String => A): A = {
    val metadata = DefaultParamsReader.loadMetadata(path, sc, expected.getName)
    val stage = make(metadata.uid)
    metadata.getAndSetParams(stage)
    stage
  }
}
