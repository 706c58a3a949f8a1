// What other executors call this one by: Spark knows it, and tells nobody outside its own package.
package org.apache.spark.firesteel

import org.apache.spark.SparkEnv

object ExecutorHost {

  /** Host name or address of the executor that this runs in. */
  def name: String = SparkEnv.get.blockManager.blockManagerId.host
}
