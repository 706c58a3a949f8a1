// What runs in the executors: one small serialisable object a kind of job, its `run` handed to mapPartitionsWithIndex.
package io.firesteel.train

import com.fasterxml.jackson.databind.JsonNode
import java.util.Arrays
import org.apache.spark.broadcast.Broadcast

/** Builds the workers without preparing them; answers each one's statistics. */
private[train] final case class LoadTask(residence: Residence) {
  def run(partition: Int, chunks: Iterator[Array[Byte]]): Iterator[Array[Long]] =
    Iterator.single(residence.loaded(partition, chunks)(_.statistics()))
}

/** The request of one round, the same for all workers; `state` says where the solver's state comes from. */
private[train] final case class RoundRequest(digest: String, round: Int, firstStep: Long, steps: Long, state: String) {
  def json: String =
    s"""{"digest":"$digest","round":$round,"first-step":$firstStep,"steps":$steps,"state":"$state"}"""
}

/** One round on every worker.
  *
  * @param length floats of the weights alone
  * @param solverStates each worker's, when they are given; else empty
  * @param statesToo whether each worker's own solver state comes back
  */
private[train] final case class RoundTask(
    residence: Residence,
    normalizer: Array[Float],
    length: Int,
    center: Broadcast[Array[Float]],
    solverStates: IndexedSeq[Broadcast[Array[Float]]],
    statesToo: Boolean,
    request: RoundRequest
) {
  def run(partition: Int, chunks: Iterator[Array[Byte]]): Iterator[WorkerResult] = {
    val vector = start(partition)
    val report = Tensors.mapper.readTree(
      residence.ready(partition, chunks, normalizer)(_.round(vector, request.json))
    )
    val returned = center.value.length
    val result = WorkerResult(
      if (vector.length == returned) vector else Arrays.copyOf(vector, returned),
      report.get("samples").asLong,
      Some(report.get("loss")).filter(_.isNumber).fold(Double.NaN)(_.asDouble),
      report.get("fresh").asBoolean,
      Option.when(statesToo)(Arrays.copyOfRange(vector, length, 2 * length))
    )
    Iterator.single(result)
  }

  /** A copy, because tasks of one JVM share the broadcast value and the engine writes into what it gets. */
  private def start(partition: Int): Array[Float] = {
    val travels = statesToo || solverStates.nonEmpty
    val vector = Arrays.copyOf(center.value, if (travels) 2 * length else center.value.length)
    if (solverStates.nonEmpty) System.arraycopy(solverStates(partition).value, 0, vector, length, length)
    vector
  }
}

/** Evaluates the same weights on every worker's rows. */
private[train] final case class EvaluateTask(
    residence: Residence,
    normalizer: Array[Float],
    weights: Broadcast[Array[Float]],
    digest: String
) {
  def run(partition: Int, chunks: Iterator[Array[Byte]]): Iterator[WorkerScore] = {
    val sums: JsonNode = Tensors.mapper.readTree(
      residence.ready(partition, chunks, normalizer)(_.evaluate(weights.value.clone(), digest))
    )
    Iterator.single(WorkerScore(sums.get("rows").asLong, sums.get("correct").asLong, sums.get("loss").asDouble))
  }
}
