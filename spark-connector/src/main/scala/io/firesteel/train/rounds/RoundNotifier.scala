// The events of a run in rounds: beside those of every run, each round, and workers that had to be built again.
package io.firesteel.train.rounds

import io.firesteel.{RoundDone, TrainListener}
import io.firesteel.tensors.PackedVector
import io.firesteel.train.run.{Plan, RunNotifier, RunState}
import io.firesteel.train.workers.WorkerResult

private[train] final class RoundNotifier(plan: Plan, start: RunState, listener: TrainListener)
    extends RunNotifier(plan, start, listener) {

  /** Sends the event of a round that ended with `center`, and returns the state after it. */
  def roundDone(before: RunState, center: PackedVector, results: IndexedSeq[WorkerResult]): RunState = synchronized {
    val samples = results.map(_.samples).sum
    val after = RunState(
      before.round + 1,
      center,
      IndexedSeq.empty,
      before.samples + samples,
      seconds,
      wallSeconds,
      before.score,
      best
    )
    if (before.round > start.round) results.indices.filter(results(_).fresh).foreach(rebuilt)
    current = math.min(after.round + 1, plan.rounds)
    val trained = results.filter(_.samples > 0)
    val loss = trained.map(result => result.loss * result.samples).sum / samples
    listener.round(
      RoundDone(
        after.round,
        plan.rounds,
        plan.firstStep(after.round),
        after.samples,
        after.seconds,
        loss,
        samples / (after.seconds - before.seconds),
        2L * results.length * center.bytes.length // to each worker and back
      )
    )
    checkLoss(loss, s"in round ${after.round}")
    after
  }

  private def rebuilt(worker: Int): Unit = fault(
    s"worker $worker was not where it was in the round before",
    if (plan.keepsState) "built again from its partition; its momentum restarted at zero"
    else "built again from its partition; nothing else was lost"
  )
}
