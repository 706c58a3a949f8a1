// Waits for Spark's listeners. They get the events of lost executors on other threads, after the job has failed.
package org.apache.spark.firesteel

import org.apache.spark.SparkContext

object Listeners {

  /** Waits until listeners have received all events so far, ten seconds at most.
    *
    * @throws java.util.concurrent.TimeoutException if a listener takes longer
    */
  def drain(sc: SparkContext): Unit = if (!sc.isStopped) sc.listenerBus.waitUntilEmpty()
}
