// The workers of one data set as the driver uses them: most methods run one Spark job with a task for each worker.
package io.firesteel.train.workers

import io.firesteel.data.{ImageSource, Shards}
import io.firesteel.jni.{Center, Engine}
import io.firesteel.tensors.PackedVector
import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.placement.{EachExecutor, Placement, Slots}
import io.firesteel.train.run.{Plan, RunState, Score}
import org.apache.spark.SparkContext
import org.slf4j.LoggerFactory
import scala.util.Using
import scala.util.control.NonFatal

/** Workers stay in their executors between jobs, under the name `run`; one that is missing is built from its partition
  * of `shards`. `jobs` assigns workers to executors, and runs a job again if an executor is lost.
  */
private[train] final class Workers(sc: SparkContext, shards: Shards, plan: Plan, run: String, jobs: Jobs)
    extends AutoCloseable {
  private def cache = WorkerCache(run, plan.configJson, shards.format, shards.counts, jobs.placement.executors)

  /** Number of rows, sums of the pixels and of their squares, as in `Worker.statistics`. Loads every worker's rows into
    * native memory.
    */
  def statistics(): Array[Long] =
    jobs("load")(sc.runJob(shards.chunks, LoadTask(cache))).reduce((a, b) => a.lazyZip(b).map(_ + _))

  /** Runs one round that starts from `state`; the results are in the order of partitions.
    *
    * @param statesToo whether the workers' solver states are returned, if each has its own
    */
  def round(state: RunState, normalizer: Array[Float], statesToo: Boolean): IndexedSeq[WorkerResult] = {
    val stateIn = if (state.solverStates.isEmpty) plan.stateOfRound else "given"
    val first = plan.firstStep(state.round)
    val request = RoundRequest(plan.digest, state.round, first, first, plan.steps(state.round), stateIn)
    jobs(s"round ${state.round + 1} of ${plan.rounds}") {
      results(request, normalizer, state.center, state.solverStates, statesToo && plan.keepsState)
    }
  }

  /** The last center; with `update-bn`, its running statistics of batch normalisation are replaced by the mean of those
    * that the workers compute with the center's weights.
    */
  def finished(center: Array[Float], normalizer: Array[Float]): Array[Float] =
    plan.config.updateBn.fold(center) { steps =>
      val request = RoundRequest(plan.digest, plan.rounds, 0, 0, steps, plan.stateOfRound, "update-bn")
      val seen = jobs(s"running statistics of $steps minibatches a worker") {
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
    val states = solverStates.map(sc.broadcast(_)) // one each: an executor fetches those of its workers only
    val task =
      RoundTask(cache, normalizer, plan.length, plan.stateLength, shared, states, statesToo, request)
    try {
      val results = sc.runJob(shards.chunks, task).toIndexedSeq
      jobs.placement.began()
      results
    } finally (shared +: states).foreach(_.destroy())
  }

  /** The workers' own solver states behind the rounds of `state`, in partition order, where they have some: taken by a
    * round without steps, which leaves a worker as it was.
    */
  def states(state: RunState, normalizer: Array[Float]): IndexedSeq[PackedVector] =
    if (!plan.keepsState) IndexedSeq.empty
    else
      jobs("solver states") {
        results(idle(state.round, "keep"), normalizer, state.center, IndexedSeq.empty, statesToo = true)
      }.flatMap(_.solverState)

  /** Gives the workers the solver states of `state`, if it has some, as if the round before had been theirs. */
  def give(state: RunState, normalizer: Array[Float]): Unit = if (state.solverStates.nonEmpty)
    jobs("solver states") {
      results(idle(state.round - 1, "given"), normalizer, state.center, state.solverStates, statesToo = false)
    }

  /** A request for no step in the round after `before`, in the numbers of an exchanger's turns. */
  private def idle(before: Int, stateIn: String) = RoundRequest(plan.digest, before + 1, 0, 0, steps = 0, stateIn)

  /** A long job of workers that exchange by themselves: ends when what is released of their budget is spent. The `key`
    * is asked for each time the job is.
    */
  def exchange(normalizer: Array[Float], key: => ExchangerKey): Unit =
    jobs(s"stage of ${plan.budget} minibatches") {
      def stage(): Unit = sc.runJob(shards.chunks, StageTask(cache, normalizer, key))
      if (plan.config.consistency.contains("async")) Slots.holdingAny(jobs.placement)(stage())
      else { // nobody passes a worker without a slot
        Slots.awaitAgain(sc, plan.workers)(jobs.watch.isOver)
        Slots.holding(sc, run, jobs.placement, jobs.watch.report, jobs.watch.isOver)(stage())
      }
    }

  /** All rows in this process, to be evaluated while there is no task slot to spare. */
  def spooled(normalizer: Array[Float]): SpooledTest = jobs("copy to the driver") {
    SpooledTest.of(shards.chunks.toLocalIterator, cache, normalizer, plan) // one partition at a time on the heap
  }

  /** Accuracy and loss of the center's weights on all rows. */
  def evaluate(center: Array[Float], normalizer: Array[Float]): Score = {
    val weights = sc.broadcast(PackedVector(center, 0, plan.length))
    def task = EvaluateTask(cache, normalizer, weights, plan.digest)
    try WorkerScore.total(jobs("evaluate")(sc.runJob(shards.chunks, task).toIndexedSeq))
    finally weights.destroy()
  }

  /** Frees the workers and partitions in every executor that may hold some. */
  def close(): Unit = if (!sc.isStopped) {
    Workers.end(sc, run, jobs.watch.executorsEverUsed)
    shards.unpersist()
  }
}

private[train] object Workers {
  private val log = LoggerFactory.getLogger(classOf[Workers])

  private val EndSeconds = 10L // an executor may be busy with a minibatch of another run

  /** Divides `source` among the plan's workers, of which there are no more than rows. */
  def load(sc: SparkContext, source: ImageSource, plan: Plan, run: String, watch: FaultWatch): Workers = {
    val partitions = math.min(plan.workers.toLong, source.rows).toInt
    val who = if (watch.isMain(run)) "worker" else "test worker"
    val placement = new Placement(sc, run, partitions, watch.report, who)
    val jobs = new Jobs(sc, run, placement, watch)
    val shards = Shards.build(source, partitions, plan.config.seed, placement.locations, job => jobs("divide the rows")(job))
    new Workers(sc, shards, plan, run, jobs)
  }

  /** Frees the workers of `run` in these executors. Those in an executor that is not reached are freed by the native
    * library once they have not been used for an hour.
    */
  private def end(sc: SparkContext, run: String, executors: Set[String]): Unit =
    if (sc.isLocal) Engine.endRun(run)
    else
      try {
        val left = EachExecutor.run(sc, executors, EndSeconds)(() => Engine.endRun(run)).missing
        if (left.nonEmpty) {
          val names = left.toSeq.sorted.mkString(", ")
          log.warn(s"free the workers of run $run: executors $names had no slot for it within $EndSeconds s")
        }
      } catch { case NonFatal(e) => log.warn(s"free the workers of run $run", e) }
}
