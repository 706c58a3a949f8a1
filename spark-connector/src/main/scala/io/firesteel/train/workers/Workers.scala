// The workers of one data set as the driver uses them: most methods run one Spark job with a task for each worker.
package io.firesteel.train.workers

import io.firesteel.data.{ImageSource, PartitionedRows}
import io.firesteel.jni.Engine
import io.firesteel.tensors.PackedVector
import io.firesteel.train.faults.{Cancellation, FaultWatch}
import io.firesteel.train.placement.{EachExecutor, Placement, Slots}
import io.firesteel.train.run.{Plan, RunState, Score}
import org.apache.spark.SparkContext
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.firesteel.TaskSlots
import org.slf4j.LoggerFactory
import scala.util.control.NonFatal

/** Workers stay in their executors between jobs, under the name `run`; one that is missing is built from its partition
  * of `partitioned`. `jobs` assigns workers to executors, and runs a job again if an executor is lost.
  */
private[train] final class Workers(sc: SparkContext, partitioned: PartitionedRows, plan: Plan, run: String, jobs: Jobs)
    extends AutoCloseable {
  private def cache =
    WorkerCache(run, plan.configJson, partitioned.format, partitioned.counts, jobs.placement.executors)

  /** Loads every worker's rows into native memory. */
  def load(): LoadedRows = {
    val (statistics, devices, bad) = jobs("load the rows")(sc.runJob(partitioned.chunks, LoadTask(cache))).unzip3
    LoadedRows(statistics.reduce((a, b) => a.lazyZip(b).map(_ + _)), devices.toSeq, BadImages.read(bad.toSeq))
  }

  /** Runs one round that starts from `state`; the results are in the order of partitions.
    *
    * @param statesToo whether the workers' solver states are returned, if each has its own
    */
  def round(state: RunState, normalizer: Array[Float], statesToo: Boolean): IndexedSeq[WorkerResult] = {
    val stateIn = if (state.solverStates.isEmpty) plan.stateOfRound else "given"
    val first = plan.firstStep(state.round)
    val request = RoundRequest(plan.digest, state.round, first, first, plan.steps(state.round), stateIn)
    jobs(s"${plan.config.strategy} round ${state.round + 1}/${plan.rounds}") {
      results(request, normalizer, state.center, state.solverStates, statesToo && plan.keepsState)
    }
  }

  /** The last center; with `update-bn`, its running statistics of batch normalisation are replaced by the mean of those
    * that the workers compute with the center's weights.
    */
  def finished(center: PackedVector, normalizer: Array[Float]): PackedVector =
    plan.config.updateBn.fold(center) { steps =>
      val request = RoundRequest(plan.digest, plan.rounds, 0, 0, steps, plan.stateOfRound, "update-bn")
      WorkerResult.mean(jobs(s"running statistics of $steps minibatches a worker") {
        results(request, normalizer, center, IndexedSeq.empty, statesToo = false)
      })
    }

  private def results(
      request: RoundRequest,
      normalizer: Array[Float],
      center: PackedVector,
      solverStates: IndexedSeq[PackedVector],
      statesToo: Boolean
  ): IndexedSeq[WorkerResult] = {
    val shared = sc.broadcast(center.bytes)
    // one each: an executor fetches those of its workers only
    val states = solverStates.map(state => sc.broadcast(state.bytes))
    val task =
      RoundTask(cache, normalizer, if (statesToo) plan.stateLength else 0, shared, states, request)
    try {
      val results = sc.runJob(partitioned.chunks, task).toIndexedSeq.map(WorkerResult.read)
      jobs.placement.began()
      results
    } finally (shared +: states).foreach(_.destroy())
  }

  /** The workers' own solver states after the rounds of `state`, in partition order; empty if they have none. A round of
    * 0 steps returns them and does not change a worker.
    */
  def states(state: RunState, normalizer: Array[Float]): IndexedSeq[PackedVector] =
    if (!plan.keepsState) IndexedSeq.empty
    else
      jobs(s"solver states after round ${state.round}") {
        results(noSteps(state.round + 1, "keep"), normalizer, state.center, IndexedSeq.empty, statesToo = true)
      }.flatMap(_.solverState)

  /** Sends the solver states of `state` to the workers, if it has some. */
  def setStates(state: RunState, normalizer: Array[Float]): Unit = if (state.solverStates.nonEmpty)
    jobs("solver states") {
      results(noSteps(state.round, "given"), normalizer, state.center, state.solverStates, statesToo = false)
    }

  /** A round of 0 steps. Inside one stage rounds have the numbers of the exchanger's turns, which begin with 1. */
  private def noSteps(round: Int, stateIn: String) = RoundRequest(plan.digest, round, 0, 0, steps = 0, stateIn)

  /** Runs a long stage in which workers exchange with the exchanger; returns when the released part of the budget is
    * spent. `key` is evaluated each time the job is submitted.
    */
  def exchange(normalizer: Array[Float], key: => ExchangerKey): Unit =
    jobs(s"${plan.config.strategy} stage of ${plan.budget} minibatches") {
      def stage(): Unit = sc.runJob(partitioned.chunks, StageTask(cache, normalizer, key))
      if (plan.config.consistency.contains("async")) Slots.holdingAny(jobs.placement)(stage())
      else { // workers wait for each other, so that each needs a slot
        Slots.awaitAgain(sc, plan.workers)(jobs.watch.isOver)
        Slots.holding(sc, run, jobs.placement, jobs.watch.report, jobs.watch.isOver)(stage())
      }
    }

  /** Copies all rows to the driver, which evaluates while the stage occupies the task slots. */
  def spooled(normalizer: Array[Float]): SpooledTest = jobs("copy to the driver") {
    SpooledTest.of(partitioned.chunks.toLocalIterator, cache, normalizer, plan) // one partition at a time on the heap
  }

  /** Accuracy and loss of the weights of the state's center on all rows. */
  def evaluate(state: RunState, normalizer: Array[Float]): Score = evaluating(state.center) { weights =>
    def task = EvaluateTask(cache, normalizer, weights, plan.digest)
    val scores = jobs(s"evaluation after round ${state.round}")(sc.runJob(partitioned.chunks, task).toIndexedSeq)
    WorkerScore.total(scores.map(WorkerScore.read))
  }

  /** The same with counts by class, for weights whose net has so many `classes`. */
  def evaluateClasses(center: PackedVector, normalizer: Array[Float], classes: Int): ClassScore =
    evaluating(center) { weights =>
      def task = EvaluateClassesTask(cache, normalizer, weights, plan.digest)
      ClassScore.total(classes, jobs("evaluation")(sc.runJob(partitioned.chunks, task).toIndexedSeq))
    }

  private def evaluating[A](center: PackedVector)(body: Broadcast[Array[Byte]] => A): A = {
    val weights = sc.broadcast(center.first(plan.length).bytes)
    try body(weights)
    finally weights.destroy()
  }

  /** Frees the workers and partitions in every executor that may hold some. */
  def close(): Unit = if (!sc.isStopped) Cancellation.cleaning(sc) {
    Workers.end(sc, run, jobs.watch.executorsEverUsed)
    partitioned.unpersist()
  }
}

/** What workers tell once they have their rows.
  *
  * @param statistics number of rows and exact sums over their pixels, as in `Worker.statistics`
  * @param devices of each worker
  */
private[train] final case class LoadedRows(statistics: Array[Long], devices: Seq[String], bad: BadImages)

private[train] object Workers {
  private val log = LoggerFactory.getLogger(classOf[Workers])

  private val EndSeconds = 10L // an executor may be busy with a minibatch of another run

  /** Divides `source` among the plan's workers, of which there are no more than rows. */
  def load(sc: SparkContext, source: ImageSource, plan: Plan, run: String, watch: FaultWatch): Workers = {
    val partitions = math.min(plan.workers.toLong, source.rows).toInt
    val who = if (watch.isMain(run)) "worker" else "test worker"
    val placement = new Placement(sc, run, partitions, watch.report, who)
    val jobs = new Jobs(sc, run, placement, watch)
    val partitioned =
      PartitionedRows.build(
        source,
        partitions,
        plan.config.seed,
        placement.locations,
        job => jobs("divide the rows")(job)
      )
    new Workers(sc, partitioned, plan, run, jobs)
  }

  /** Frees the workers of `run` in these executors. Those in an executor that is not reached are freed by the native
    * library once they have not been used for an hour.
    */
  private def end(sc: SparkContext, run: String, executors: Set[String]): Unit =
    if (sc.isLocal) Engine.endRun(run)
    else
      try {
        val alive = TaskSlots.executors(sc).filter(slot => executors(slot.id))
        val (_, left) = EachExecutor.run(sc, alive, EndSeconds, "free the workers")(() => Engine.endRun(run))
        if (left.nonEmpty) {
          val names = left.toSeq.sorted.mkString(", ")
          log.warn(s"free the workers of run $run: executors $names had no slot for it within $EndSeconds s")
        }
      } catch { case NonFatal(e) => log.warn(s"free the workers of run $run", e) }
}
