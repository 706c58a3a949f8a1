// Cancels the native calls of killed tasks within a minibatch. Spark only sets a flag, which native code does not see.
package io.firesteel.train.workers

import io.firesteel.jni.{Link, Simulation, Worker}
import java.util.concurrent.{ConcurrentHashMap, Executors, TimeUnit}
import org.apache.spark.TaskContext

/** One daemon thread in each executor, which checks the tasks that use workers, links and simulated runs. */
private[train] object CancelWatch {
  private val PollMillis = 100L // a minibatch takes about as long

  private val watched = new ConcurrentHashMap[AutoCloseable, Watched]()

  private final case class Watched(task: TaskContext, cancel: () => Unit)

  private val thread = Executors.newSingleThreadScheduledExecutor { task =>
    val daemon = new Thread(task, "firesteel-cancel-watch")
    daemon.setDaemon(true)
    daemon
  }
  thread.scheduleWithFixedDelay(() => check(), PollMillis, PollMillis, TimeUnit.MILLISECONDS)

  /** Hands `worker` over to the current task: it is closed when the task ends, and its call in flight is cancelled when
    * the task is killed.
    */
  def own(worker: Worker): Worker = own(worker, () => worker.cancel())

  /** The same for a link. */
  def own(link: Link): Link = own(link, () => link.cancel())

  /** The same for a simulated run. */
  def own(simulation: Simulation): Simulation = own(simulation, () => simulation.cancel())

  private def own[H <: AutoCloseable](handle: H, cancel: () => Unit): H = {
    val task = TaskContext.get()
    watched.put(handle, Watched(task, cancel))
    task.addTaskCompletionListener[Unit] { _ =>
      watched.remove(handle)
      handle.close()
    }
    handle
  }

  private def check(): Unit = watched.values.forEach(each => if (each.task.isInterrupted()) each.cancel())
}
