// Shows a run: a line on stdout for each milestone, and on a terminal a progress line on stderr below them.
package io.firesteel.driver.console

import io.firesteel.{
  EndReason,
  Ended,
  Evaluated,
  ExchangeDone,
  ExchangeTotals,
  Fault,
  ImagesDropped,
  Machine,
  RoundDone,
  Started,
  TrainListener,
  WorkersLoaded
}

import io.firesteel.console.{ProgressLine, Terminal}

import java.io.PrintStream
import java.util.Locale

/** Shows one run: its progress line on `terminal`, all other lines on `out`.
  *
  * @param version Firesteel's
  * @param where the output directory, and `model` the file in it
  */
final class ProgressDisplay(out: PrintStream, terminal: Terminal, version: String, where: String, model: String)
    extends TrainListener {
  private var accuracy: Option[Double] = None
  private var rounds = 0
  private var inRounds = true // whether rounds are told, and not exchanges alone
  private var budget = 0L // minibatches of all workers
  private var restores = false // whether the model has the weights of the best evaluation

  override def started(e: Started): Unit = {
    rounds = e.rounds
    inRounds = e.synchronous
    val c = e.config
    restores = c.restoreBestWeights
    val how = if (e.how.isEmpty) "" else s" ${e.how}"
    val period = if (c.period == "constant") "" else s" (${c.period})"
    budget = c.iterations.getOrElse(0L) * c.workers.getOrElse(1)
    say(
      s"firesteel $version: ${c.net} (${e.parameters} parameters), ${c.strategy}$how, " +
        s"workers ${c.workers.getOrElse(1)}${ProgressDisplay.slots(e.slots)}, batch ${c.batch.getOrElse("?")}, " +
        s"tau ${c.tau}$period, rounds ${e.rounds}"
    )
    val rows = s"${e.trainRows} training and ${e.testRows} ${e.split} rows"
    say(s"data: ${c.data.getOrElse("?")}, $rows, ${e.classes} classes")
    say(s"output: $where")
    e.needs.foreach { needs =>
      say(s"memory: ${needs.text}")
      needs.warning.foreach(warning => say(s"warning: $warning"))
    }
    Machine.difference(e.machines).foreach(difference => say(s"warning: $difference"))
    if (e.completedRounds > 0) say(s"resumed after round ${e.completedRounds}")
    terminal.live("loading the data".take)
  }

  override def loaded(e: WorkersLoaded): Unit = {
    val counts = e.devices.distinct.map(device => device -> e.devices.count(_ == device))
    say(s"devices: ${counts.map { case (device, count) => s"$count x $device" }.mkString(", ")}")
  }

  override def dropped(e: ImagesDropped): Unit = say(e.text)

  override def waiting(what: String): Unit = say(what)

  override def round(e: RoundDone): Unit =
    show(ProgressLine.State("round", e.round, e.rounds, e.loss, accuracy, e.imagesPerSecond, e.seconds))

  override def exchange(e: ExchangeDone): Unit = if (!inRounds) {
    val speed = if (e.seconds > 0) e.totalSamples / e.seconds else 0
    show(ProgressLine.State("minibatch", e.totalSteps, budget, e.loss, accuracy, speed, e.seconds))
  }

  override def evaluated(e: Evaluated): Unit = {
    accuracy = Some(e.accuracy)
    say(
      s"round ${e.round}/$rounds: ${e.split} accuracy ${ProgressLine.percent(e.accuracy)}, " +
        s"loss ${ProgressLine.loss(e.loss)} after ${ProgressLine.duration(e.seconds)}"
    )
  }

  override def fault(e: Fault): Unit = say(s"round ${e.round}: ${e.what}: ${e.action}")

  /** To be called once the model is written. */
  override def ended(e: Ended): Unit = {
    val result =
      for (a <- e.accuracy; l <- e.loss)
        yield s", accuracy ${ProgressLine.percent(a)}, loss ${ProgressLine.loss(l)}"
    val done =
      e.exchanges.filter(_ => !inRounds).fold(s"${e.rounds} rounds")(totals => s"${totals.exchanges} exchanges")
    say(
      s"done: $done in ${ProgressLine.duration(e.seconds)} (${ProgressLine.duration(e.wallSeconds)} with evaluation), " +
        s"${ProgressLine.rate(e.imagesPerSecond)}${result.getOrElse("")}"
    )
    ProgressDisplay.early(e).foreach(say)
    e.exchanges.foreach(totals => say(ProgressDisplay.exchanges(totals)))
    val weights = e.bestRound.filter(_ => restores).fold("")(round => s", weights of round $round")
    say(s"model: $model$weights")
  }

  /** Removes the progress line. */
  def clear(): Unit = terminal.clear()

  private def show(state: ProgressLine.State): Unit = terminal.live(ProgressLine.line(state, _, terminal.glyphs))

  private def say(line: String): Unit = {
    terminal.clear()
    out.println(line)
    out.flush()
  }
}

object ProgressDisplay {

  private def slots(count: Int): String = count match {
    case 0 => ""
    case 1 => " on 1 task slot"
    case n => s" on $n task slots"
  }

  /** Why a run ended before its steps were done, if it did. */
  private def early(e: Ended): Option[String] = e.reason match {
    case EndReason.Budget   => None
    case EndReason.Stopped  => Some(s"stopped after round ${e.rounds}")
    case EndReason.Patience =>
      val best =
        for (a <- e.bestAccuracy; round <- e.bestRound) yield s" than ${ProgressLine.percent(a)} of round $round"
      Some(s"ended early: no higher accuracy${best.getOrElse("")}")
  }

  /** The bytes of all exchanges and their mean staleness. */
  def exchanges(totals: ExchangeTotals): String = {
    val count = totals.staleness.sum
    val mean = if (count > 0) totals.staleness.zipWithIndex.map { case (n, i) => n * i.toDouble }.sum / count else 0.0
    val megabytes = totals.bytes / 1e6
    text("exchanged: %.1f MB, mean staleness %.2f", megabytes, mean)
  }

  private def text(format: String, values: Any*): String = format.formatLocal(Locale.ROOT, values: _*)
}
