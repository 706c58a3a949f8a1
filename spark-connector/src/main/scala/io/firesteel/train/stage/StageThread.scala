// A job in a thread of its own, so that the calling thread can report what the workers do meanwhile.
package io.firesteel.train.stage

import io.firesteel.Uninterrupted
import java.util.concurrent.TimeUnit.MILLISECONDS
import java.util.concurrent.{ExecutionException, FutureTask, TimeoutException}

/** Starts `job` at construction. Its thread inherits Spark's local properties of the calling thread, with the job group and
  * the job tags; what is set later belongs to one of the two.
  *
  * @param cancel cancels the Spark job that `job` is running, if there is one
  */
private[train] final class StageThread[A](job: => A, cancel: () => Unit) extends AutoCloseable {
  private val task = new FutureTask[A](() => job)
  private val thread = new Thread(task, "firesteel-stage")
  thread.setDaemon(true)
  thread.start()

  /** Waits for the end, `millis` at most. Returns the result of `job`, or throws what it threw. */
  def endsWithin(millis: Long): Option[A] =
    try Some(task.get(millis, MILLISECONDS))
    catch {
      case _: TimeoutException   => None
      case e: ExecutionException => throw e.getCause
    }

  /** Cancels what is still running and waits for its end; repeatedly, since `job` may be between two Spark jobs. */
  override def close(): Unit = Uninterrupted {
    while (!task.isDone) {
      cancel()
      thread.join(StageThread.PatienceMillis)
    }
    thread.join()
  }
}

private[train] object StageThread {
  private val PatienceMillis = 200L
}
