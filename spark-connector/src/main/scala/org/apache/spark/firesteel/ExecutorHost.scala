// The name at which other executors reach this one. Spark has no public API for it.
package org.apache.spark.firesteel

import org.apache.spark.{SparkEnv, TaskContext}

object ExecutorHost {

  /** Host name or address of the executor that this runs in. */
  def name: String = SparkEnv.get.blockManager.blockManagerId.host

  /** The executor that runs this task, for people; none on the driver and in local Spark, where both are one process. */
  def ofTask: Option[String] =
    Option.when(TaskContext.get() != null && SparkEnv.get.executorId != "driver") {
      s"executor ${SparkEnv.get.executorId} on host $name"
    }
}
