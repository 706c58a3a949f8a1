// SparkNet (Moritz, Nishihara, Stoica, Jordan 2016, algorithm 2) with an ordinary Spark job for each round: Spark
// retries lost tasks and uses executors that join later, and a round that is run again starts from the same bits.
package io.firesteel.train.rounds

import io.firesteel.{CheckpointStore, TrainListener}
import io.firesteel.data.ImageSource
import io.firesteel.train.run.{Checkpoint, Outcome, Plan, RunStopped}
import io.firesteel.train.workers.{RunWorkers, WorkerResult}
import org.apache.spark.SparkContext
import scala.util.Using

/** The strategies in rounds: `sparknet` and, with one worker, `sequential` and `hogwild`. */
private[train] object SparkNet {

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
    val notifier = new RoundNotifier(plan, begin, listener)
    notifier.started(train, test, plan.minibatchesBefore(begin.round))

    Using.Manager { use =>
      val loaded = RunWorkers.load(sc, train, plan, begin, notifier, use)
      import loaded.{normalizer, start, training}
      val evaluators = test.map(loaded.evaluators(_, "eval", use))

      notifier.begins()
      var state = start
      val stopped = RunStopped.during(while (plan.goesOn(state)) {
        val pauses = plan.pausesAfter(state.round + 1)
        val results = training.round(state, normalizer, statesToo = pauses && checkpoint.nonEmpty)
        state = notifier.roundDone(state, WorkerResult.mean(results), results)
        if (pauses) notifier.pausing {
          if (state.round == plan.rounds) state = state.copy(center = training.finished(state.center, normalizer))
          evaluators.foreach(test => state = notifier.evaluated(state, test.evaluate(state, normalizer)))
          notifier.checked(state)
          checkpoint.foreach(
            _.save(Checkpoint.write(plan, train.rows, state, results.flatMap(_.solverState)))
          )
        }
      })
      notifier.ended(state, stopped)
      Outcome(plan.weights(state), normalizer)
    }.get
  }
}
