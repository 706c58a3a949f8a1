// Evaluations in a thread of their own, while the workers continue and the calling thread reports their exchanges.
package io.firesteel.train.stage

import io.firesteel.jni.{Kind, NativeException}

/** At most one evaluation at a time; used by one thread. */
private[stage] final class BesideWorkers[A] extends AutoCloseable {
  private var current = Option.empty[StageThread[A]]

  def isIdle: Boolean = current.isEmpty

  /** Starts an evaluation, which `cancel` ends. Only when idle. */
  def begin(cancel: => Unit)(evaluation: => A): Unit = current = Some(new StageThread(evaluation, () => cancel))

  /** The result of the evaluation, once, if it ends within `millis`. Throws what it threw. */
  def ended(millis: Long): Option[A] = {
    val result = current.flatMap(_.endsWithin(millis))
    if (result.nonEmpty) current = None
    result
  }

  /** Waits for the evaluation that is running, if there is one, and returns its result. */
  def last(): Option[A] = if (isIdle) None else ended(Long.MaxValue)

  /** Cancels the evaluation that is running, if there is one. Returns its result if it ended all the same. */
  def cancelled(): Option[A] = {
    close()
    try last()
    catch {
      case e: NativeException if e.kind == Kind.CANCELLED =>
        current = None
        None
    }
  }

  /** Cancels the evaluation that is running, and waits for its end. */
  override def close(): Unit = current.foreach(_.close())
}
