// The events of a run inside one stage: beside those of every run, each exchange of each worker.
package io.firesteel.train.stage

import io.firesteel.{ExchangeDone, Json, TrainListener}
import io.firesteel.tensors.PackedVector
import io.firesteel.train.run.{Plan, RunNotifier, RunState}

private[train] final class StageNotifier(plan: Plan, start: RunState, listener: TrainListener)
    extends RunNotifier(plan, start, listener) {
  private var dropped = 0L // exchanges without an event, so far
  private val rounds = new RoundsInStage(plan)

  /** Sends an event for each exchange of the report, and for each round of a synchronous strategy that ends with one. */
  def exchanged(report: StageReport): StageReport = synchronized {
    report.turns.foreach { turn =>
      val done = ExchangeDone(
        Json.small(turn, "worker"),
        Json.whole(turn, "exchange"),
        Json.whole(turn, "steps"),
        Json.whole(turn, "total-steps"),
        Json.whole(turn, "total-samples"),
        seconds,
        Json.real(turn, "loss"),
        Json.whole(turn, "staleness"),
        Json.real(turn, "computing"),
        Json.real(turn, "exchanging"),
        Json.real(turn, "waiting")
      )
      listener.exchange(done)
      checkLoss(done.loss, s"in exchange ${done.exchange} of worker ${done.worker}")
      if (plan.isSynchronous) rounds.add(turn, seconds).foreach(listener.round)
    }
    if (report.dropped > dropped)
      fault(
        s"${report.dropped - dropped} exchanges came faster than they could be reported",
        "they count, without a line each"
      )
    dropped = report.dropped
    report.diverged.foreach { case (worker, turn) =>
      val where = if (plan.isSynchronous) s"round $turn on worker $worker" else s"exchange $turn of worker $worker"
      diverged(s"in $where", "weights or loss are NaN or infinite")
    }
    current = math.min(plan.roundsBehind(report.steps) + 1, plan.rounds)
    report
  }

  /** The state of the run at that report. The workers of an asynchronous strategy continue during evaluations and
    * checkpoints, so that their time counts.
    */
  def reached(report: StageReport, center: PackedVector): RunState = RunState(
    plan.roundsBehind(report.steps),
    center,
    IndexedSeq.empty,
    report.samples,
    seconds,
    wallSeconds,
    score = None,
    best = best,
    resumed = start.resumed
  )
}
