// The rounds of a run: after how many local steps each begins.
package io.firesteel.train.run

import scala.collection.Searching.{Found, InsertionPoint}

/** From local step `from` on, rounds have `steps` local steps each. */
private[train] final case class PeriodStart(from: Long, steps: Long)

/** @param starts in rising order, the first from step 0
  * @param iterations local steps of each worker
  */
private[train] final class Rounds(starts: IndexedSeq[PeriodStart], iterations: Long) {
  private val periods = starts.takeWhile(_.from < iterations)
  private val froms = periods.map(_.from)

  /** Rounds before each of `periods`, and in all. */
  private val before = {
    val ends = froms.drop(1) :+ iterations
    periods.zip(ends).scanLeft(0L) { case (rounds, (period, end)) =>
      rounds + (end - period.from + period.steps - 1) / period.steps
    }
  }

  /** Rounds of the whole run; the last may be shorter than its period. */
  val count: Int = Math.toIntExact(before.last)

  /** Local steps of each worker before round `round`, counted from 0. */
  def firstStep(round: Int): Long = {
    val at = Rounds.last(before.init, round)
    math.min(froms(at) + (round - before(at)) * periods(at).steps, iterations)
  }

  /** Rounds that are done after `steps` local steps of each worker, without one that has only begun. */
  def behind(steps: Long): Int = {
    val at = Rounds.last(froms, steps)
    if (steps >= iterations) count else Math.toIntExact(before(at) + (steps - froms(at)) / periods(at).steps)
  }
}

private object Rounds {

  /** The place of the last of `rising` that is not above `value`, of which the first never is. */
  def last(rising: IndexedSeq[Long], value: Long): Int = rising.search(value) match {
    case Found(at)          => at
    case InsertionPoint(at) => at - 1
  }
}
