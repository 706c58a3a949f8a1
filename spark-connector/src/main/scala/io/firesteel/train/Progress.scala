// The run's clock and its totals, and what the listener is told of them.
package io.firesteel.train

/** Tells `listener` one event at a time, whichever thread it comes from; `start` is where the run goes on from. */
private[train] final class Progress(plan: Plan, start: RunState, listener: TrainListener) {
  private var beganAt = 0L // System.nanoTime
  private var pausedNanos = 0L
  @volatile private var current = 0 // round under way, 1-based; 0 before the first
  private var over = false

  def started(trainRows: Long, testRows: Long, classes: Int): Unit = synchronized {
    listener.started(Started(plan.config, trainRows, testRows, classes, plan.length, plan.rounds, start.round))
  }

  /** Starts the clock. */
  def begins(): Unit = {
    beganAt = System.nanoTime()
    current = start.round + 1
  }

  /** The state after a round that ended with `center`. */
  def roundDone(before: RunState, center: Array[Float], results: IndexedSeq[WorkerResult]): RunState = synchronized {
    val samples = results.map(_.samples).sum
    val after = RunState(
      before.round + 1,
      center,
      IndexedSeq.empty,
      before.samples + samples,
      seconds,
      wallSeconds,
      before.score
    )
    if (before.round > start.round) results.indices.filter(results(_).fresh).foreach(rebuilt)
    current = math.min(after.round + 1, plan.rounds)
    val trained = results.filter(_.samples > 0)
    listener.round(
      RoundDone(
        after.round,
        plan.rounds,
        plan.firstStep(after.round),
        after.samples,
        after.seconds,
        trained.map(result => result.loss * result.samples).sum / samples,
        samples / (after.seconds - before.seconds),
        2L * results.length * center.length * java.lang.Float.BYTES // to each worker and back
      )
    )
    after
  }

  /** Runs `body` beside the clock of `seconds`. */
  def pausing[A](body: => A): A = {
    val from = System.nanoTime()
    try body
    finally pausedNanos += System.nanoTime() - from
  }

  /** The state after an evaluation, which `pausing` goes on around. */
  def evaluated(state: RunState, score: Score): RunState = synchronized {
    val after = state.copy(wallSeconds = wallSeconds, score = Some(score))
    listener.evaluated(
      Evaluated(after.round, after.samples, after.seconds, after.wallSeconds, score.accuracy, score.loss, "test")
    )
    after
  }

  /** Faults of the clean-up after this are nobody's concern. */
  def ended(state: RunState): Unit = synchronized {
    over = true
    listener.ended(
      Ended(
        state.round,
        state.samples,
        state.seconds,
        wallSeconds,
        state.score.map(_.accuracy),
        state.score.map(_.loss),
        if (state.seconds > 0) state.samples / state.seconds else 0
      )
    )
  }

  def fault(what: String, action: String): Unit = synchronized {
    if (!over) listener.fault(Fault(current, what, action))
  }

  private def rebuilt(worker: Int): Unit = fault(
    s"worker $worker was not where it was in the round before",
    if (plan.keepsState) "built again from its partition; its momentum restarted at zero"
    else "built again from its partition; nothing else was lost"
  )

  private def wallSeconds: Double = start.wallSeconds + (System.nanoTime() - beganAt) / 1e9

  private def seconds: Double = start.seconds + (System.nanoTime() - beganAt - pausedNanos) / 1e9
}
