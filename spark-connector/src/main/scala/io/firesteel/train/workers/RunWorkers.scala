// What every training loop begins with: the workers of the training set with their rows, those of the set that is
// evaluated, and what the run starts from.
package io.firesteel.train.workers

import io.firesteel.data.{ImageRecords, ImageSource}
import io.firesteel.jni.Engine
import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.run.{Checkpoint, Plan, RunNotifier, RunState}
import java.util.UUID
import org.apache.spark.SparkContext
import scala.util.Using

/** @param run the name of the run in executors
  * @param start the state that training starts from, with weights
  */
private[train] final class RunWorkers private (
    sc: SparkContext,
    plan: Plan,
    notifier: RunNotifier,
    val run: String,
    val watch: FaultWatch,
    val training: Workers,
    val normalizer: Array[Float],
    val start: RunState
) {

  /** The workers that hold the set which is evaluated.
    *
    * @param name of these workers, below the run's
    */
  def evaluators(source: ImageSource, name: String, use: Using.Manager): Workers = {
    val workers = use(Workers.load(sc, source, plan, s"$run/$name", watch))
    source.format match {
      case _: ImageRecords => RunWorkers.check(workers.load().bad, source, plan, notifier)
      case _               => () // each record is an image, and the first evaluation loads them
    }
    workers
  }
}

private[train] object RunWorkers {

  /** Divides and loads the training set.
    *
    * @param begin the state of the checkpoint, or one without weights
    * @param policy what is done about a lost executor
    */
  def load(
      sc: SparkContext,
      train: ImageSource,
      plan: Plan,
      begin: RunState,
      notifier: RunNotifier,
      use: Using.Manager,
      policy: FaultWatch.RetryPolicy = FaultWatch.Round
  ): RunWorkers = {
    val run = UUID.randomUUID.toString
    val watch = use(new FaultWatch(sc, run, notifier.fault, policy, plan.needs.map(_.process)))
    watch.endsWhen(notifier.stops)
    val workers = use(Workers.load(sc, train, plan, run, watch))
    val loaded = workers.load()
    check(loaded.bad, train, plan, notifier)
    notifier.loaded(loaded.devices)
    val normalizer = Engine.normalizer(plan.configJson, loaded.statistics)
    val start = Checkpoint.initialized(plan, begin, loaded.statistics)
    new RunWorkers(sc, plan, notifier, run, watch, workers, normalizer, start)
  }

  private def check(bad: BadImages, source: ImageSource, plan: Plan, notifier: RunNotifier): Unit =
    bad.checked(source, plan.config.badImages).foreach(notifier.dropped)
}
