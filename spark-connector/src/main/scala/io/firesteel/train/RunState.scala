// Where a run stands between two rounds: all that the next round depends on, and the totals told to listeners.
package io.firesteel.train

import com.fasterxml.jackson.databind.JsonNode

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

private[train] final case class Score(accuracy: Double, loss: Double) {

  /** Whether the weights that it is of are numbers: an accuracy always is one, as the largest of NaNs is the first. */
  def isFinite: Boolean = java.lang.Double.isFinite(loss)
}

private[train] object Score {

  /** In the order of the workers, so that the sum has the same bits wherever they ran. */
  def over(workers: Seq[WorkerScore]): Score = {
    val rows = workers.map(_.rows).sum.toDouble
    Score(workers.map(_.correct).sum / rows, workers.map(_.loss).sum / rows)
  }
}

/** What one worker brings back from one round.
  *
  * @param vector of the center's length
  * @param loss mean over the round; NaN when there is none or it is not finite
  * @param fresh the worker had no solver state of its own to go on with
  * @param solverState where it was asked for
  */
private[train] final case class WorkerResult(
    vector: PackedVector,
    samples: Long,
    loss: Double,
    fresh: Boolean,
    solverState: Option[PackedVector]
)

private[train] object WorkerResult {

  /** A result on its way from its task, of classes that Kryo knows: the vector, what the engine reports of the round, and
    * the solver's state, empty where it was not asked for.
    */
  type Sent = (Array[Byte], String, Array[Byte])

  def read(sent: Sent): WorkerResult = {
    val (vector, text, state) = sent
    val report: JsonNode = Tensors.mapper.readTree(text)
    WorkerResult(
      PackedVector.wrap(vector),
      Json.whole(report, "samples"),
      Json.real(report, "loss"),
      Json.flag(report, "fresh"),
      Option.when(state.nonEmpty)(PackedVector.wrap(state))
    )
  }
}

/** Sums over the rows of one worker; `loss` is NaN where it is not finite. */
private[train] final case class WorkerScore(rows: Long, correct: Long, loss: Double)

private[train] object WorkerScore {

  /** What `Worker.evaluate` says. */
  def read(json: String): WorkerScore = {
    val sums: JsonNode = Tensors.mapper.readTree(json)
    WorkerScore(Json.whole(sums, "rows"), Json.whole(sums, "correct"), Json.real(sums, "loss"))
  }
}
