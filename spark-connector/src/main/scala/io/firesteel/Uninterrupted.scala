// Work that must be done to its end, whoever interrupts the thread that asked for it: as a rule it cleans up.
package io.firesteel

import java.util.concurrent.{ExecutionException, FutureTask}

private[firesteel] object Uninterrupted {

  /** Runs `body` in a thread of its own and waits for its end. Interruptions of this thread until then only set its flag.
    */
  def apply[A](body: => A): A = {
    val task = new FutureTask[A](() => body)
    val thread = new Thread(task, "firesteel-cleaning")
    thread.setDaemon(true)
    thread.start()
    var interrupted = Thread.interrupted()
    while (!task.isDone)
      try thread.join()
      catch { case _: InterruptedException => interrupted = true }
    try task.get()
    catch { case e: ExecutionException => throw e.getCause }
    finally if (interrupted) Thread.currentThread.interrupt()
  }
}
