// A Spark job in a thread of its own, so that the calling thread can report what the workers do meanwhile.
package io.firesteel.train.stage

import java.util.concurrent.TimeUnit.MILLISECONDS
import java.util.concurrent.{ExecutionException, FutureTask, TimeoutException}

/** Starts `job` at construction. Spark's local properties and job tags belong to a thread, so `job` sets its own.
  *
  * @param cancel cancels the Spark job that `job` is running, if there is one
  */
private[train] final class StageThread(job: => Unit, cancel: () => Unit) extends AutoCloseable {
  private val task = new FutureTask[Unit](() => job)
  private val thread = new Thread(task, "firesteel-stage")
  thread.setDaemon(true)
  thread.start()

  /** Waits for the end, `millis` at most, and says whether it came. Throws what `job` threw. */
  def endsWithin(millis: Long): Boolean =
    try {
      task.get(millis, MILLISECONDS)
      true
    } catch {
      case _: TimeoutException   => false
      case e: ExecutionException => throw e.getCause
    }

  /** Cancels what is still running and waits for its end; repeatedly, since `job` may be between two Spark jobs. */
  override def close(): Unit = while (thread.isAlive) {
    cancel()
    thread.join(StageThread.PatienceMillis)
  }
}

private[train] object StageThread {
  private val PatienceMillis = 200L
}
