// A Spark job in a thread of its own, so that the calling thread can watch what the workers do meanwhile.
package io.firesteel.train.stage

import java.util.concurrent.TimeUnit.MILLISECONDS
import java.util.concurrent.{ExecutionException, FutureTask, TimeoutException}

/** Runs `job` from construction on; it sets its own local properties and job tags.
  *
  * @param cancel ends the Spark job that is under way in `job`, if there is one
  */
private[train] final class StageThread(job: => Unit, cancel: () => Unit) extends AutoCloseable {
  private val task = new FutureTask[Unit](() => job)
  private val thread = new Thread(task, "firesteel-stage")
  thread.setDaemon(true)
  thread.start()

  /** Waits for the end, for so long at most; what `job` threw comes out as it is. */
  def endsWithin(millis: Long): Boolean =
    try {
      task.get(millis, MILLISECONDS)
      true
    } catch {
      case _: TimeoutException   => false
      case e: ExecutionException => throw e.getCause
    }

  /** Cancels what is still under way and waits for it: again and again, since `job` may be between two Spark jobs. */
  override def close(): Unit = while (thread.isAlive) {
    cancel()
    thread.join(StageThread.PatienceMillis)
  }
}

private[train] object StageThread {
  private val PatienceMillis = 200L
}
