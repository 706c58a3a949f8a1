// What tasks bring back from the workers.
package io.firesteel.train.workers

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.Json
import io.firesteel.tensors.PackedVector
import io.firesteel.train.run.Score

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

/** Sums over the rows of one worker; `loss` is NaN where it is not finite. */
private[train] final case class WorkerScore(rows: Long, correct: Long, loss: Double)

private[train] object WorkerScore {

  /** What `Worker.evaluate` says. */
  def read(json: String): WorkerScore = {
    val sums: JsonNode = Json.mapper.readTree(json)
    WorkerScore(Json.whole(sums, "rows"), Json.whole(sums, "correct"), Json.real(sums, "loss"))
  }

  /** In the order of the workers, so that the sum has the same bits wherever they ran. */
  def total(workers: Seq[WorkerScore]): Score = {
    val rows = workers.map(_.rows).sum.toDouble
    Score(workers.map(_.correct).sum / rows, workers.map(_.loss).sum / rows)
  }
}
