// Ends native calls of killed tasks within a minibatch: Spark only sets a flag, which Rust does not see.
package io.firesteel.train.workers

import io.firesteel.jni.{Link, Worker}
import java.util.concurrent.{ConcurrentHashMap, Executors, TimeUnit}
import org.apache.spark.TaskContext

/** One daemon thread an executor that looks at the tasks which use workers and links. */
private[train] object CancelWatch {
  private val PollMillis = 100L // a minibatch takes about as long

  private val watched = new ConcurrentHashMap[AutoCloseable, Watched]()

  private final case class Watched(task: TaskContext, cancel: () => Unit)

  private val thread = Executors.newSingleThreadScheduledExecutor { task =>
    val daemon = new Thread(task, "firesteel-cancel-watch")
    daemon.setDaemon(true)
    daemon
  }
  thread.scheduleWithFixedDelay(() => look(), PollMillis, PollMillis, TimeUnit.MILLISECONDS)

  /** The task that runs this closes the handle when it ends, however it does; being killed cancels the call in flight. */
  def own(worker: Worker): Worker = own(worker, () => worker.cancel())

  def own(link: Link): Link = own(link, () => link.cancel())

  private def own[H <: AutoCloseable](handle: H, cancel: () => Unit): H = {
    val task = TaskContext.get()
    watched.put(handle, Watched(task, cancel))
    task.addTaskCompletionListener[Unit] { _ =>
      watched.remove(handle)
      handle.close()
    }
    handle
  }

  private def look(): Unit = watched.values.forEach(each => if (each.task.isInterrupted()) each.cancel())
}
