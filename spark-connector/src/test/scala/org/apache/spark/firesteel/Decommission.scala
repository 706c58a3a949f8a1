// What a cluster manager does to an executor, from inside Spark's own package.
package org.apache.spark.firesteel

import org.apache.spark.SparkContext
import org.apache.spark.scheduler.ExecutorDecommissionInfo
import org.apache.spark.scheduler.cluster.CoarseGrainedSchedulerBackend

object Decommission {

  /** Asks for `executor` to be decommissioned; answers whether Spark began with it. */
  def begin(sc: SparkContext, executor: String): Boolean =
    sc.schedulerBackend
      .asInstanceOf[CoarseGrainedSchedulerBackend]
      .decommissionExecutor(executor, ExecutorDecommissionInfo("a test"), adjustTargetNumExecutors = false)
}
