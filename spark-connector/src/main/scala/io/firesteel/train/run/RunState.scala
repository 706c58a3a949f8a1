// The state of a run between two rounds: all that the next round depends on, and the totals in the events.
package io.firesteel.train.run

import io.firesteel.tensors.PackedVector

/** @param round rounds done
  * @param center weights, followed by the solver state if that is averaged
  * @param solverStates each worker's own solver state as read from a checkpoint; empty later, when the workers have it
  * @param samples rows used so far, repeats counted, all workers
  * @param seconds since training began, without evaluations and checkpoints; `wallSeconds` with them
  * @param score of the last evaluation
  * @param best the evaluation with the highest accuracy
  * @param snapshot of the exchanger, in pieces, if a run inside one stage is going to be saved; else empty
  * @param resumed how often a run inside one stage was resumed from a checkpoint
  */
private[train] final case class RunState(
    round: Int,
    center: PackedVector,
    solverStates: IndexedSeq[PackedVector],
    samples: Long,
    seconds: Double,
    wallSeconds: Double,
    score: Option[Score],
    best: Option[Best] = None,
    snapshot: Array[Array[Byte]] = Array.empty,
    resumed: Int = 0
)

private[train] object RunState {

  /** How often a run may be resumed; `ExchangerKey` needs the limit to number the attempts of tasks. */
  val MaxResumed: Long = 1L << 22
}

/** The evaluation with the highest accuracy so far; of equal ones the first.
  *
  * @param since evaluations after it
  * @param weights of the net, if the model may get them; else empty
  */
private[train] final case class Best(round: Int, score: Score, since: Long, weights: PackedVector)

/** Accuracy as a fraction, and mean loss. */
private[train] final case class Score(accuracy: Double, loss: Double) {

  /** Whether the weights were numbers. The accuracy cannot tell: the largest of several NaNs is the first, so there is
    * always a prediction.
    */
  def isFinite: Boolean = java.lang.Double.isFinite(loss)
}

/** What a run ends with.
  *
  * @param weights without a solver state
  * @param normalizer as in [[io.firesteel.train.TrainedModel]]
  */
private[train] final case class Outcome(weights: Array[Float], normalizer: Array[Float])
