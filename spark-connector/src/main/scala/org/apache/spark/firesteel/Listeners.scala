// Spark tells its listeners of losses on other threads, after the job that failed of them.
package org.apache.spark.firesteel

import org.apache.spark.SparkContext

object Listeners {

  /** Waits until all that happened so far is told, for ten seconds at most.
    *
    * @throws java.util.concurrent.TimeoutException where a listener takes longer
    */
  def drain(sc: SparkContext): Unit = if (!sc.isStopped) sc.listenerBus.waitUntilEmpty()
}
