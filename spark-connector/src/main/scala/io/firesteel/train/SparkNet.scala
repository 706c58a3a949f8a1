// SparkNet (Moritz, Nishihara, Stoica, Jordan 2016, algorithm 2) as one ordinary Spark job a round: a lost task is
// retried, a late executor is used, and a round that is asked for again starts from the same bits.
package io.firesteel.train

import io.firesteel.data.ImageSource
import io.firesteel.jni.{Center, Engine}
import java.util.UUID
import org.apache.spark.SparkContext
import scala.util.Using

/** The synchronous strategies: `sparknet` and, with one worker, `sequential`. */
object SparkNet {

  /** Trains on `train` and returns the last center.
    *
    * @param test evaluated every `eval-every` rounds and at the end
    * @param config completed and checked here
    * @param listener what it throws ends the run and comes out as it is
    * @param checkpoint saved with every evaluation and at the end, and gone on from when `config.resume`; see
    *   [[Checkpoint]] for what may differ between the two runs
    * @throws FiresteelException kind config for a wrong request; else the kind of what ended the run
    */
  def train(
      sc: SparkContext,
      train: ImageSource,
      test: Option[ImageSource],
      config: TrainConfig,
      listener: TrainListener,
      checkpoint: Option[CheckpointStore]
  ): TrainedModel = FiresteelException.unwrapping {
    NativeLibrary.load()
    val plan = Plan.resolve(config, train, sc.defaultParallelism)
    val start = Checkpoint.start(plan, train.rows, checkpoint)
    val progress = new Progress(plan, start, listener)
    progress.started(train.rows, test.fold(0L)(_.rows), train.classes)

    Using.Manager { use =>
      val run = UUID.randomUUID.toString
      val watch = use(new FaultWatch(sc, run, progress.fault))
      val workers = use(Workers.load(sc, train, plan, run, watch))
      val normalizer = Engine.normalizer(plan.configJson, workers.statistics())
      val evaluators = test.map(source => use(Workers.load(sc, source, plan, s"$run/eval", watch)))
      val center = use(Center.open(plan.configJson, start.center))

      progress.begins()
      var state = start
      while (state.round < plan.rounds) {
        val pauses = plan.pausesAfter(state.round + 1)
        val results = workers.round(state, normalizer, statesToo = pauses && checkpoint.nonEmpty)
        results.foreach(result => center.add(result.vector, result.samples)) // in partition order: the same bits
        state = progress.roundDone(state, center.fold(), results)
        if (pauses) progress.pausing {
          evaluators.foreach(test => state = progress.evaluated(state, test.evaluate(state.center, normalizer)))
          checkpoint.foreach(_.save(Checkpoint.encode(plan, train.rows, state, results.flatMap(_.solverState))))
        }
      }
      progress.ended(state)
      TrainedModel(plan.config, state.center.take(plan.length), normalizer)
    }.get
  }
}
