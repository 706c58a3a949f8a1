// Evaluations while the workers go on, in a thread of its own: whoever looks at the workers does not wait for it.
package io.firesteel.train.stage

/** At most one evaluation at a time; used by one thread. */
private[stage] final class BesideWorkers[A] extends AutoCloseable {
  private var current = Option.empty[StageThread[A]]

  def isIdle: Boolean = current.isEmpty

  /** Begins an evaluation; the one before must have been told as ended. */
  def begin(evaluation: => A): Unit = current = Some(new StageThread(evaluation, () => ()))

  /** What came of the evaluation, once, if it ends within so long; what it threw comes out as it is. */
  def ended(millis: Long): Option[A] = {
    val result = current.flatMap(_.endsWithin(millis))
    if (result.nonEmpty) current = None
    result
  }

  /** What came of the evaluation that is under way, if one is. */
  def last(): Option[A] = if (isIdle) None else ended(Long.MaxValue)

  /** Waits for the evaluation that is under way. */
  override def close(): Unit = current.foreach(_.close())
}
