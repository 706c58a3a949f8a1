// The name at which other executors reach this one. Spark has no public API for it.
package org.apache.spark.firesteel

import org.apache.spark.SparkEnv

object ExecutorHost {

  /** Host name or address of the executor that this runs in. */
  def name: String = SparkEnv.get.blockManager.blockManagerId.host
}
