// Where a run stands between two rounds: all that the next round depends on, and the totals told to listeners.
package io.firesteel.train.run

import io.firesteel.tensors.PackedVector

/** @param round rounds done
  * @param center weights, or weights ++ solver state where that is averaged
  * @param solverStates each worker's own solver state, only right after a checkpoint was read; else the workers have it
  * @param samples rows used so far, repeats counted, all workers
  * @param seconds since training began, without evaluations and checkpoints; `wallSeconds` with them
  * @param score of the last evaluation
  * @param snapshot the exchanger's, in pieces, of a run inside one stage that is going to be saved; else none
  * @param resumed how often such a run went on from a checkpoint
  */
private[train] final case class RunState(
    round: Int,
    center: Array[Float],
    solverStates: IndexedSeq[PackedVector],
    samples: Long,
    seconds: Double,
    wallSeconds: Double,
    score: Option[Score],
    snapshot: Array[Array[Byte]] = Array.empty,
    resumed: Int = 0
)

private[train] object RunState {

  /** How often a run may go on from a checkpoint; `ExchangerKey` needs the limit to number the attempts of tasks. */
  val MaxResumed: Long = 1L << 22
}

private[train] final case class Score(accuracy: Double, loss: Double) {

  /** Whether the weights that it is of are numbers: an accuracy always is one, as the largest of NaNs is the first. */
  def isFinite: Boolean = java.lang.Double.isFinite(loss)
}

/** What a run ends with.
  *
  * @param weights the last center without a solver state
  * @param normalizer as in [[io.firesteel.train.TrainedModel]]
  */
private[train] final case class Outcome(weights: Array[Float], normalizer: Array[Float])
