// A fit on the last line of a shell's terminal.
package io.firesteel.ml

import io.firesteel.console.{ProgressLine, Terminal}
import io.firesteel.{Evaluated, ExchangeDone, RoundDone, Started}

/** Several fits at once, as of a CrossValidator, take turns on the line. It is gone when the fit has ended. */
private[ml] final class FitLine(terminal: Terminal) extends FitDisplay {
  private var accuracy: Option[Double] = None
  private var inRounds = true // whether rounds are told, and not exchanges alone
  private var budget = 0L // minibatches of all workers

  override def started(e: Started): Unit = {
    inRounds = e.synchronous
    budget = e.config.iterations.getOrElse(0L) * e.config.workers.getOrElse(1)
    terminal.live("loading the data".take)
  }

  override def round(e: RoundDone): Unit =
    show(ProgressLine.State("round", e.round, e.rounds, e.loss, accuracy, e.imagesPerSecond, e.seconds))

  override def exchange(e: ExchangeDone): Unit = if (!inRounds) {
    val speed = if (e.seconds > 0) e.totalSamples / e.seconds else 0
    show(ProgressLine.State("minibatch", e.totalSteps, budget, e.loss, accuracy, speed, e.seconds))
  }

  override def evaluated(e: Evaluated): Unit = accuracy = Some(e.accuracy)

  override def close(): Unit = terminal.clear()

  private def show(state: ProgressLine.State): Unit = terminal.live(ProgressLine.line(state, _, terminal.glyphs))
}
