// What runs in the executors: a small serialisable object for each kind of job, which Spark calls with a partition's
// chunks. These are classes and not closures, because Spark analyses what a closure captures, which takes milliseconds
// a round.
package io.firesteel.train.workers

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.Json
import io.firesteel.jni.Link
import io.firesteel.tensors.PackedVector
import org.apache.spark.TaskContext
import org.apache.spark.broadcast.Broadcast

/** The work of one task: partition k is worker k's. */
private[train] trait WorkerTask[+A] extends ((TaskContext, Iterator[Array[Byte]]) => A) with Serializable {
  def apply(context: TaskContext, chunks: Iterator[Array[Byte]]): A = run(context.partitionId(), chunks)

  protected def run(partition: Int, chunks: Iterator[Array[Byte]]): A
}

/** Loads the rows of a worker and returns their statistics, the worker's device, and what `BadImages.read` reads. The worker
  * is not prepared for training yet.
  */
private[train] final case class LoadTask(cache: WorkerCache) extends WorkerTask[(Array[Long], String, String)] {
  protected def run(partition: Int, chunks: Iterator[Array[Byte]]): (Array[Long], String, String) =
    cache.loaded(partition, chunks)(worker => (worker.statistics(), worker.device(), worker.badImages()))
}

/** The request of one round, the same for all workers.
  *
  * @param digest of the net's layout
  * @param firstStep local steps before the round, which tell the place in the data
  * @param policyStep the learning-rate policy's step at the start of the round
  * @param state where the solver's state comes from: `given`, `keep` or `reset`
  * @param kind what the steps are for: `train` or `update-bn`
  */
private[train] final case class RoundRequest(
    digest: String,
    round: Int,
    firstStep: Long,
    policyStep: Long,
    steps: Long,
    state: String,
    kind: String = "train"
) {
  def json: String = Json.mapper
    .createObjectNode()
    .put("kind", kind)
    .put("digest", digest)
    .put("round", round)
    .put("first-step", firstStep)
    .put("policy-step", policyStep)
    .put("steps", steps)
    .put("state", state)
    .toString
}

/** One round on every worker.
  *
  * @param stateLength floats of each worker's own solver state, if it is returned; else 0
  * @param solverStates each worker's own, if they are given; else empty
  */
private[train] final case class RoundTask(
    cache: WorkerCache,
    normalizer: Array[Float],
    stateLength: Int,
    center: Broadcast[Array[Byte]],
    solverStates: IndexedSeq[Broadcast[Array[Byte]]],
    request: RoundRequest
) extends WorkerTask[WorkerResult.Sent] {
  protected def run(partition: Int, chunks: Iterator[Array[Byte]]): WorkerResult.Sent = {
    val from = center.value +: solverStates.lift(partition).map(_.value).toArray
    val (vector, state) = (new Array[Byte](center.value.length), PackedVector.zeros(stateLength).bytes)
    val report = cache.ready(partition, chunks, normalizer)(_.round(from, request.json, Array(vector, state)))
    (vector, report, state)
  }
}

/** Evaluates the same weights on every worker's rows, and returns what `WorkerScore.read` reads. */
private[train] final case class EvaluateTask(
    cache: WorkerCache,
    normalizer: Array[Float],
    weights: Broadcast[Array[Byte]],
    digest: String
) extends WorkerTask[String] {
  protected def run(partition: Int, chunks: Iterator[Array[Byte]]): String = {
    val values = weights.value
    cache.ready(partition, chunks, normalizer)(_.evaluate(values, digest))
  }
}

/** The same with counts by class: returns what `ClassScore.read` reads. */
private[train] final case class EvaluateClassesTask(
    cache: WorkerCache,
    normalizer: Array[Float],
    weights: Broadcast[Array[Byte]],
    digest: String
) extends WorkerTask[Array[Long]] {
  protected def run(partition: Int, chunks: Iterator[Array[Byte]]): Array[Long] = {
    val values = weights.value
    cache.ready(partition, chunks, normalizer)(_.evaluateClasses(values, digest))
  }
}

/** How a task connects to the exchanger. It contains the job's secret, so it is sent with the serialised task only, and
  * `toString` does not show it.
  *
  * @param client the JSON of [[io.firesteel.jni.Exchanger#client]]
  * @param resumed how often the run was resumed. The exchanger's snapshot in a checkpoint knows the attempts so far
  */
private[train] final class ExchangerKey(client: String, resumed: Int) extends Serializable {

  /** The request of a link. The exchanger serves the attempt of a worker that has the highest number. Spark counts the
    * attempts of tasks up within an application, and those of a resumed run are above all of the run before.
    */
  def request(worker: Int, taskAttempt: Long): String = {
    val request = Json.mapper.createObjectNode()
    request.set[JsonNode]("client", Json.mapper.readTree(client))
    request.put("worker", worker).put("attempt", resumed * ExchangerKey.MaxAttempts + taskAttempt).toString
  }

  override def toString: String = "ExchangerKey"
}

private[train] object ExchangerKey {
  private val MaxAttempts = 1L << 40 // of all tasks of one application; times RunState.MaxResumed it is below 2^63
}

/** Local steps and an exchange in turn on every worker, until the budget of all workers together is spent. */
private[train] final case class StageTask(cache: WorkerCache, normalizer: Array[Float], key: ExchangerKey)
    extends WorkerTask[Unit] {
  protected def run(partition: Int, chunks: Iterator[Array[Byte]]): Unit =
    cache.ready(partition, chunks, normalizer) { worker =>
      val link = CancelWatch.own(Link.open(key.request(partition, TaskContext.get().taskAttemptId())))
      while (!Json.flag(Json.mapper.readTree(link.turn(worker)), "done")) {}
    }
}
