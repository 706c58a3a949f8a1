// DeepSpark (Kim, Park, Jang, Yoon 2016) and its kin: one long Spark job in which every worker trains on its partition
// and exchanges with a center on the driver whenever it is ready. Spark costs once; a lost task attaches again as a
// newer attempt, pulls the center, and goes on with what is left of the budget. No worker stops for an
// evaluation.
package io.firesteel.train.stage

import io.firesteel.{CheckpointStore, TrainListener}
import io.firesteel.data.ImageSource
import io.firesteel.tensors.PackedVector
import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.placement.Slots
import io.firesteel.train.run.{Checkpoint, Outcome, Plan, RunState, RunStopped}
import io.firesteel.train.workers.RunWorkers
import org.apache.spark.SparkContext
import scala.util.Using

/** The asynchronous strategies, with any consistency. */
private[train] object DeepSpark {

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
    Slots.await(sc, plan.workers, listener.waiting, listener.stops)

    Using.Manager { use =>
      val resumed = Option.when(!begin.center.isEmpty)(use(StageJob.exchanger(sc, plan, begin)))
      val spent = resumed.fold(0L)(StageReport.of(_).steps) // the exchanger knows how much of the budget that is
      notifier.started(train, test, spent)
      val policy = FaultWatch.Stage.copy(hostsParts = plan.config.exchangers > 0)
      val loaded = RunWorkers.load(sc, train, plan, begin, notifier, use, policy)
      import loaded.{normalizer, run, start, training, watch}
      val exchanger = resumed.getOrElse(use(StageJob.exchanger(sc, plan, start)))
      val tests = test.map { source =>
        use(Using.Manager(loading => loaded.evaluators(source, "test", loading).spooled(normalizer)).get)
      }
      val evaluation = use(new BesideWorkers[RunState])

      def reached(report: StageReport, center: PackedVector): RunState = {
        val snapshot = checkpoint.fold(Array.empty[Array[Byte]])(_ => exchanger.snapshot())
        notifier.reached(report, center).copy(snapshot = snapshot)
      }
      def evaluatedAndSaved(state: RunState): RunState = {
        val scored = notifier.checked(
          tests.fold(state)(test => notifier.evaluated(state, test.evaluate(state.center)))
        )
        checkpoint.foreach(_.save(Checkpoint.write(plan, train.rows, scored, IndexedSeq.empty)))
        scored
      }

      val center = new CenterHosts(sc, exchanger, plan, run, start.center)
      val job = new StageJob(exchanger, center, training, normalizer, notifier, watch, start.resumed)

      notifier.begins()
      var state = start

      /** Takes the state after an evaluation. If it is the last one, the workers find nothing more to do after their turn,
        * and what they do until then does not count.
        */
      def evaluated(now: RunState): Unit = {
        state = now
        if (!plan.goesOn(state)) exchanger.release(0)
      }
      val stopped = RunStopped.during(if (plan.goesOn(state)) {
        val last = job.run { report =>
          evaluation.ended(0).foreach(evaluated)
          if (
            plan.goesOn(state) && evaluation.isIdle && plan.pausesBetween(state.round, plan.roundsBehind(report.steps))
          ) {
            val now = reached(report, center.last())
            evaluation.begin(tests.foreach(_.cancel()))(evaluatedAndSaved(now))
          }
        }
        evaluation.last().foreach(evaluated)
        if (plan.goesOn(state))
          state = evaluatedAndSaved(reached(last, training.finished(PackedVector.wrap(exchanger.center()), normalizer)))
      })
      if (stopped) state = job.stopped(evaluation.cancelled().getOrElse(state))
      notifier.ended(state, stopped, Some(StageReport.of(exchanger).totals))
      Outcome(plan.weights(state), normalizer)
    }.get
  }
}
