// Spark's bus of listeners. They get the events of lost executors on other threads, after the job has failed.
package org.apache.spark.firesteel

import org.apache.spark.SparkContext
import org.apache.spark.scheduler.SparkListenerEvent

object Listeners {

  /** Waits until listeners have received all events so far, ten seconds at most.
    *
    * @throws java.util.concurrent.TimeoutException if a listener takes longer
    */
  def drain(sc: SparkContext): Unit = if (!sc.isStopped) sc.listenerBus.waitUntilEmpty()

  /** Sends an event to all listeners, among them the one that writes the event log. It does not wait for them. */
  def post(sc: SparkContext, event: SparkListenerEvent): Unit = sc.listenerBus.post(event)
}
