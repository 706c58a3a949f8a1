// What a run inside one stage tells beside what every run does: each exchange of each worker.
package io.firesteel.train

private[train] final class StageProgress(plan: Plan, start: RunState, listener: TrainListener)
    extends Progress(plan, start, listener) {
  private var untold = 0L

  /** Tells the report's turns. */
  def exchanged(report: StageReport): StageReport = synchronized {
    report.turns.foreach { turn =>
      listener.exchange(
        ExchangeDone(
          turn.get("worker").asInt,
          turn.get("exchange").asLong,
          turn.get("steps").asLong,
          turn.get("total-steps").asLong,
          turn.get("total-samples").asLong,
          seconds,
          if (turn.get("loss").isNumber) turn.get("loss").asDouble else Double.NaN,
          turn.get("staleness").asLong,
          turn.get("computing").asDouble,
          turn.get("exchanging").asDouble,
          turn.get("waiting").asDouble
        )
      )
    }
    if (report.untold > untold)
      fault(s"${report.untold - untold} exchanges came faster than they were told", "they count, without a line each")
    untold = report.untold
    current = math.min(plan.roundsBehind(report.steps) + 1, plan.rounds)
    report
  }

  /** The state at that report; evaluations and checkpoints go on beside the exchanges, so the clock runs on. */
  def reached(report: StageReport, center: Array[Float], snapshot: Array[Array[Byte]]): RunState = RunState(
    plan.roundsBehind(report.steps),
    center,
    IndexedSeq.empty,
    report.samples,
    seconds,
    wallSeconds,
    score = None,
    snapshot,
    start.resumed
  )
}
