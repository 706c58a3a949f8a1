// Decommissions an executor as a cluster manager does. Spark has no public API for it.
package org.apache.spark.firesteel

import org.apache.spark.SparkContext
import org.apache.spark.scheduler.ExecutorDecommissionInfo
import org.apache.spark.scheduler.cluster.CoarseGrainedSchedulerBackend

object Decommission {

  /** Begins to decommission `executor`; returns whether Spark accepted it. */
  def begin(sc: SparkContext, executor: String): Boolean =
    sc.schedulerBackend
      .asInstanceOf[CoarseGrainedSchedulerBackend]
      .decommissionExecutor(executor, ExecutorDecommissionInfo("a test"), adjustTargetNumExecutors = false)
}
