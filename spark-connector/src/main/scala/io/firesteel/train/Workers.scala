// The driver's side of the workers of one data set: each method is one Spark job over their shards.
package io.firesteel.train

import io.firesteel.data.{ImageSource, Shards}
import io.firesteel.jni.{Center, Engine}
import org.apache.spark.SparkContext
import org.slf4j.LoggerFactory
import scala.util.Using
import scala.util.control.NonFatal

/** Workers that are resident on the executors under the name `run`, built from `shards` where they are not; `watch`
  * asks again what an executor took with it.
  */
private[train] final class Workers(sc: SparkContext, shards: Shards, plan: Plan, run: String, watch: FaultWatch)
    extends AutoCloseable {
  private val residence = Residence(run, plan.configJson, shards.format, shards.counts)

  /** Rows, sums and squares of all pixels; loads every worker's rows into native memory. */
  def statistics(): Array[Long] =
    described("load")(sc.runJob(shards.chunks, LoadTask(residence))).reduce((a, b) => a.lazyZip(b).map(_ + _))

  /** One round from `state` on, the results in partition order.
    *
    * @param statesToo whether the workers' own solver states come back, where they have some
    */
  def round(state: RunState, normalizer: Array[Float], statesToo: Boolean): IndexedSeq[WorkerResult] = {
    val stateIn = if (state.solverStates.isEmpty) plan.stateOfRound else "given"
    val first = plan.firstStep(state.round)
    val request = RoundRequest(plan.digest, state.round, first, first, plan.steps(state.round), stateIn)
    described(s"round ${state.round + 1} of ${plan.rounds}") {
      results(request, normalizer, state.center, state.solverStates, statesToo && plan.keepsState)
    }
  }

  /** The last center with running statistics of its own, where `update-bn` asks for them: the mean of what the workers
    * see under its weights.
    */
  def finished(center: Array[Float], normalizer: Array[Float]): Array[Float] =
    plan.config.updateBn.fold(center) { steps =>
      val request = RoundRequest(plan.digest, plan.rounds, 0, 0, steps, plan.stateOfRound, "update-bn")
      val seen = described(s"running statistics of $steps minibatches a worker") {
        results(request, normalizer, center, IndexedSeq.empty, statesToo = false)
      }
      Using.resource(Center.open(plan.configJson, center)) { next =>
        seen.foreach(result => next.add(result.vector.floats, result.samples))
        next.fold()
      }
    }

  private def results(
      request: RoundRequest,
      normalizer: Array[Float],
      center: Array[Float],
      solverStates: IndexedSeq[PackedVector],
      statesToo: Boolean
  ): IndexedSeq[WorkerResult] = {
    val shared = sc.broadcast(PackedVector(center))
    val states = solverStates.map(sc.broadcast(_)) // one each: an executor fetches those of its workers
    val task =
      RoundTask(residence, normalizer, plan.length, plan.stateLength, shared, states, statesToo, request)
    try sc.runJob(shards.chunks, task).toIndexedSeq
    finally (shared +: states).foreach(_.destroy())
  }

  /** The one long job of workers that exchange by themselves: ends when their budget is spent. The `key` is asked for
    * each time the job is.
    */
  def exchange(normalizer: Array[Float], key: => ExchangerKey): Unit =
    described(s"stage of ${plan.budget} minibatches") {
      val task = StageTask(residence, normalizer, key)
      if (!plan.config.consistency.contains("async")) Slots.await(sc, plan.workers) // nobody passes one without a slot
      sc.runJob(shards.chunks, task)
    }

  /** All rows in one worker of this process, to be evaluated while there is no task slot to spare. */
  def gathered(normalizer: Array[Float]): LocalTest = described("gather on the driver") {
    val worker = residence.open(0, shards.counts.sum)
    try {
      residence.fill(worker, shards.chunks.toLocalIterator) // one partition at a time on the heap
      worker.prepare(normalizer)
      new LocalTest(worker, plan)
    } catch {
      case NonFatal(e) =>
        worker.close()
        throw e
    }
  }

  /** How good the center's weights are on all rows. */
  def evaluate(center: Array[Float], normalizer: Array[Float]): Score = {
    val weights = sc.broadcast(PackedVector(center, 0, plan.length))
    val task = EvaluateTask(residence, normalizer, weights, plan.digest)
    try Score.over(described("evaluate")(sc.runJob(shards.chunks, task).toIndexedSeq))
    finally weights.destroy()
  }

  /** Frees native memory and disk. Executors that are gone took their workers with them, so this job may fail. */
  def close(): Unit = if (!sc.isStopped) {
    val ending = run // not `this`, which cannot travel
    try described("end of the run")(shards.chunks.foreachPartition(_ => Engine.endRun(ending)))
    catch { case NonFatal(e) => Workers.log.warn(s"free the workers of run $run", e) }
    shards.unpersist()
  }

  private def described[A](what: String)(job: => A): A = {
    sc.setLocalProperty(FaultWatch.RunProperty, run)
    sc.setJobDescription(s"firesteel: $what")
    try watch.repeating(job)
    finally {
      sc.setLocalProperty(FaultWatch.RunProperty, null)
      sc.setJobDescription(null)
    }
  }
}

private[train] object Workers {
  private val log = LoggerFactory.getLogger(classOf[Workers])

  /** Deals `source` out to the plan's workers, or to as many as it has rows. */
  def load(sc: SparkContext, source: ImageSource, plan: Plan, run: String, watch: FaultWatch): Workers = {
    val partitions = math.min(plan.workers.toLong, source.rows).toInt
    new Workers(sc, Shards.build(source, partitions, plan.config.seed), plan, run, watch)
  }
}
