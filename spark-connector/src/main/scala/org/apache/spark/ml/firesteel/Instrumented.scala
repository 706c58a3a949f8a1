// The log of a fit, which Spark ML shows to its own packages only.
package org.apache.spark.ml.firesteel

import org.apache.spark.ml.PipelineStage
import org.apache.spark.ml.param.Param
import org.apache.spark.ml.util.Instrumentation.instrumented
import org.apache.spark.sql.Dataset

object Instrumented {

  /** Runs a fit as Spark's own estimators do: its Params, its data and its failure are logged under one name. */
  def run[A](stage: PipelineStage, dataset: Dataset[_], params: Param[_]*)(body: => A): A = instrumented { log =>
    log.logPipelineStage(stage)
    log.logDataset(dataset)
    log.logParams(stage, params: _*)
    body
  }
}
