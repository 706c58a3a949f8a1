// The synchronous strategies inside one stage. All workers end a round together, so the job ends after each round that is
// evaluated and saved, and another job continues from there, on the executors that there are then. In `SparkNet` each round
// is a job; here there is one for each evaluation.
package io.firesteel.train.stage

import io.firesteel.{CheckpointStore, TrainListener}
import io.firesteel.data.ImageSource
import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.run.{Checkpoint, Outcome, Plan, RunState, RunStopped}
import io.firesteel.train.workers.RunWorkers
import org.apache.spark.SparkContext
import scala.annotation.tailrec
import scala.util.Using

/** `sparknet`, with an outer optimiser or without, and `easgd`. */
private[train] object SynchronousStage {
  private val MaxTries = 8 // for one evaluation; a cluster that loses a host of the center more often cannot train

  /** As `Training.train`, of a resolved plan. */
  def train(
      sc: SparkContext,
      train: ImageSource,
      test: Option[ImageSource],
      plan: Plan,
      listener: TrainListener,
      checkpoint: Option[CheckpointStore]
  ): Outcome = {
    val begin = Checkpoint.start(plan, train.rows, checkpoint)
    val notifier = new StageNotifier(plan, begin, listener)
    // before the rows are divided, so that each worker has a slot where its rows are
    StageChoice.awaitSlots(sc, plan, listener)
    notifier.started(train, test, plan.minibatchesBefore(begin.round))

    Using.Manager { use =>
      val policy = FaultWatch.Stage.copy(hostsParts = plan.config.exchangers > 0)
      val loaded = RunWorkers.load(sc, train, plan, begin, notifier, use, policy)
      import loaded.{normalizer, run, start, training, watch}
      val evaluators = test.map(loaded.evaluators(_, "eval", use))
      val exchanger = use(StageJob.exchanger(sc, plan, start))
      val center = new CenterHosts(sc, exchanger, plan, run, start.center)
      val job = new StageJob(exchanger, center, training, normalizer, notifier, watch, start.resumed)

      /** The state after the rounds that are released. If a host of the center is lost after the last of them, the workers
        * repeat the rounds since the last copy of the center.
        */
      @tailrec def reached(tries: Int = 1): RunState = {
        val report = job.run(_ => ())
        center.now(mayFail = tries < MaxTries) match {
          case Some(weights) => notifier.reached(report, weights)
          case None          => reached(tries + 1)
        }
      }

      training.setStates(start, normalizer)
      notifier.begins()
      var state = start
      val stopped = RunStopped.during(while (plan.goesOn(state)) {
        exchanger.release(plan.minibatchesBefore(plan.pauseAfter(state.round)))
        state = reached()
        notifier.pausing {
          if (state.round == plan.rounds) state = state.copy(center = training.finished(state.center, normalizer))
          evaluators.foreach(test => state = notifier.evaluated(state, test.evaluate(state, normalizer)))
          notifier.checked(state)
          checkpoint.foreach { store =>
            val saved = state.copy(snapshot = exchanger.snapshot())
            store.save(Checkpoint.write(plan, train.rows, saved, training.states(saved, normalizer)))
          }
        }
      })
      if (stopped) state = job.stopped(state)
      notifier.ended(state, stopped, Some(StageReport.of(exchanger).totals))
      Outcome(plan.weights(state), normalizer)
    }.get
  }
}
