// What tasks return to the driver.
package io.firesteel.train.workers

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.Json
import io.firesteel.jni.Engine
import io.firesteel.tensors.PackedVector
import io.firesteel.train.run.Score

/** What one worker returns from one round.
  *
  * @param vector of the center's length
  * @param loss mean over the round; NaN if no step ran or the loss was not finite
  * @param fresh whether the worker had no solver state of its own from the round before
  * @param solverState the worker's own, if it was asked for
  */
private[train] final case class WorkerResult(
    vector: PackedVector,
    samples: Long,
    loss: Double,
    fresh: Boolean,
    solverState: Option[PackedVector]
)

private[train] object WorkerResult {

  /** A result as its task returns it, in classes that Kryo has registered: the vector, the engine's report of the round,
    * and the solver's state, which is empty if it was not asked for.
    */
  type Sent = (Array[Byte], String, Array[Byte])

  /** SparkNet's mean of the workers' vectors, weighted by the samples that each used. The order of the workers is that
    * of the sum, so that it has the same bits wherever they ran.
    */
  def mean(results: IndexedSeq[WorkerResult]): PackedVector =
    PackedVector.wrap(Engine.average(results.map(_.vector.bytes).toArray, results.map(_.samples).toArray))

  def read(sent: Sent): WorkerResult = {
    val (vector, text, state) = sent
    val report: JsonNode = Json.mapper.readTree(text)
    WorkerResult(
      PackedVector.wrap(vector),
      Json.whole(report, "samples"),
      Json.real(report, "loss"),
      Json.flag(report, "fresh"),
      Option.when(state.nonEmpty)(PackedVector.wrap(state))
    )
  }
}

/** Sums over the rows of one worker; `loss` is NaN if it was not finite. */
private[train] final case class WorkerScore(rows: Long, correct: Long, loss: Double)

private[train] object WorkerScore {

  /** Reads the result of `Worker.evaluate`. */
  def read(json: String): WorkerScore = {
    val sums: JsonNode = Json.mapper.readTree(json)
    WorkerScore(Json.whole(sums, "rows"), Json.whole(sums, "correct"), Json.real(sums, "loss"))
  }

  /** Accuracy and mean loss over all workers. Added in the order of the workers, so that the sums have the same bits
    * wherever they ran.
    */
  def total(workers: Seq[WorkerScore]): Score = {
    val rows = workers.map(_.rows).sum.toDouble
    Score(workers.map(_.correct).sum / rows, workers.map(_.loss).sum / rows)
  }
}
