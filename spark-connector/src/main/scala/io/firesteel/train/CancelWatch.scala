// Ends native calls of killed tasks within a minibatch: Spark only sets a flag, which Rust does not see.
package io.firesteel.train

import io.firesteel.jni.Worker
import java.util.concurrent.{ConcurrentHashMap, Executors, TimeUnit}
import org.apache.spark.TaskContext

/** One daemon thread an executor that looks at the tasks which use workers. */
private[train] object CancelWatch {
  private val PollMillis = 100L // a minibatch takes about as long

  private val watched = ConcurrentHashMap.newKeySet[(TaskContext, Worker)]()

  private val thread = Executors.newSingleThreadScheduledExecutor { task =>
    val daemon = new Thread(task, "firesteel-cancel-watch")
    daemon.setDaemon(true)
    daemon
  }
  thread.scheduleWithFixedDelay(() => look(), PollMillis, PollMillis, TimeUnit.MILLISECONDS)

  def add(task: TaskContext, worker: Worker): Unit = watched.add((task, worker))

  def remove(task: TaskContext, worker: Worker): Unit = watched.remove((task, worker))

  private def look(): Unit = watched.forEach { case (task, worker) => if (task.isInterrupted()) worker.cancel() }
}
