// What runs in the executors: one small serialisable object a kind of job, which Spark calls with a partition's chunks.
// They are classes, not closures: Spark searches closures for what they drag along, which costs milliseconds a round.
package io.firesteel.train.workers

import io.firesteel.Json
import io.firesteel.jni.Link
import io.firesteel.tensors.PackedVector
import org.apache.spark.TaskContext
import org.apache.spark.broadcast.Broadcast

/** A job's work on one partition, whose number is the worker's. */
private[train] trait WorkerTask[+A] extends ((TaskContext, Iterator[Array[Byte]]) => A) with Serializable {
  def apply(context: TaskContext, chunks: Iterator[Array[Byte]]): A = run(context.partitionId(), chunks)

  protected def run(partition: Int, chunks: Iterator[Array[Byte]]): A
}

/** Builds the workers without preparing them; answers each one's statistics. */
private[train] final case class LoadTask(cache: WorkerCache) extends WorkerTask[Array[Long]] {
  protected def run(partition: Int, chunks: Iterator[Array[Byte]]): Array[Long] =
    cache.loaded(partition, chunks)(_.statistics())
}

/** The request of one round, the same for all workers.
  *
  * @param work what the steps are for, `train` or `update-bn`
  * @param firstStep local steps before it: the place in the data
  * @param policyStep of the learning-rate policy, at the round's start
  * @param state where the solver's state comes from
  */
private[train] final case class RoundRequest(
    digest: String,
    round: Int,
    firstStep: Long,
    policyStep: Long,
    steps: Long,
    state: String,
    work: String = "train"
) {
  def json: String =
    s"""{"work":"$work","digest":"$digest","round":$round,"first-step":$firstStep,"policy-step":$policyStep,""" +
      s""""steps":$steps,"state":"$state"}"""
}

/** One round on every worker.
  *
  * @param length floats of the weights alone
  * @param stateLength floats of the solver's state
  * @param solverStates each worker's, when they are given; else empty
  * @param statesToo whether each worker's own solver state comes back
  */
private[train] final case class RoundTask(
    cache: WorkerCache,
    normalizer: Array[Float],
    length: Int,
    stateLength: Int,
    center: Broadcast[PackedVector],
    solverStates: IndexedSeq[Broadcast[PackedVector]],
    statesToo: Boolean,
    request: RoundRequest
) extends WorkerTask[WorkerResult] {
  protected def run(partition: Int, chunks: Iterator[Array[Byte]]): WorkerResult = {
    val vector = start(partition)
    val report = Json.mapper.readTree(
      cache.ready(partition, chunks, normalizer)(_.round(vector, request.json))
    )
    WorkerResult(
      PackedVector(vector, 0, center.value.length),
      Json.whole(report, "samples"),
      Json.real(report, "loss"),
      Json.flag(report, "fresh"),
      Option.when(statesToo)(PackedVector(vector, length, stateLength))
    )
  }

  /** What the round starts from; the engine overwrites it. */
  private def start(partition: Int): Array[Float] = {
    val travels = statesToo || solverStates.nonEmpty
    val vector = center.value.padded(if (travels) length + stateLength else center.value.length)
    if (solverStates.nonEmpty) solverStates(partition).value.copyInto(vector, length)
    vector
  }
}

/** Evaluates the same weights on every worker's rows. */
private[train] final case class EvaluateTask(
    cache: WorkerCache,
    normalizer: Array[Float],
    weights: Broadcast[PackedVector],
    digest: String
) extends WorkerTask[WorkerScore] {
  protected def run(partition: Int, chunks: Iterator[Array[Byte]]): WorkerScore =
    WorkerScore.read(cache.ready(partition, chunks, normalizer)(_.evaluate(weights.value.floats, digest)))
}

/** How a task finds the exchanger and is let in. The job's secret is in it, so it travels in the task's closure only,
  * and shows itself to nobody.
  *
  * @param client of [[io.firesteel.jni.Exchanger#client]]
  * @param resumed how often the run went on from a checkpoint, in whose snapshot the attempts before are known
  */
private[train] final class ExchangerKey(client: String, resumed: Int) extends Serializable {

  /** The request of a link. Spark numbers the attempts of an application, each later one higher; a resumed run's are
    * above all of the run that it goes on from.
    */
  def request(worker: Int, taskAttempt: Long): String = {
    val attempt = resumed * ExchangerKey.MaxAttempts + taskAttempt
    s"""{"client":$client,"worker":$worker,"attempt":$attempt}"""
  }

  override def toString: String = "ExchangerKey"
}

private[train] object ExchangerKey {
  private val MaxAttempts = 1L << 40 // of all tasks of one application; times RunState.MaxResumed it is below 2^63
}

/** Turn after turn on every worker, until the budget of all together is spent. */
private[train] final case class StageTask(cache: WorkerCache, normalizer: Array[Float], key: ExchangerKey)
    extends WorkerTask[Unit] {
  protected def run(partition: Int, chunks: Iterator[Array[Byte]]): Unit =
    cache.ready(partition, chunks, normalizer) { worker =>
      val link = CancelWatch.own(Link.open(key.request(partition, TaskContext.get().taskAttemptId())))
      while (!Json.flag(Json.mapper.readTree(link.turn(worker)), "done")) {}
    }
}
