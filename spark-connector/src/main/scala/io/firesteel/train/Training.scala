// The entry to training: completes the configuration, and hands it to the loop that its strategy asks for.
package io.firesteel.train

import io.firesteel.{CheckpointStore, FiresteelException, TrainConfig, TrainListener}
import io.firesteel.data.ImageSource
import io.firesteel.train.rounds.SparkNet
import io.firesteel.train.run.{Encryption, MemoryCheck, Plan}
import io.firesteel.train.stage.{DeepSpark, StageChoice, SynchronousStage}
import io.firesteel.train.workers.NativeLibrary
import org.apache.spark.SparkContext

object Training {

  /** Trains on `train` and returns the last center.
    *
    * @param test evaluated every `eval-every` rounds and at the end
    * @param config completed and checked here
    * @param listener what it throws ends the run and comes out as it is
    * @param checkpoint saved with every evaluation and at the end, and gone on from when `config.resume`; see
    *   `Checkpoint` for what may differ between the two runs
    * @throws FiresteelException kind config for a wrong request, memory for one that surely does not fit the machines;
    *   else the kind of what ended the run
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
    val asked = Plan.resolve(config, train, sc.defaultParallelism)
    val decided = Encryption.decided(StageChoice.decided(sc, asked, checkpoint), sc.getConf)
    val plan = decided.copy(needs = MemoryCheck.checked(sc, decided, train.rows, test.fold(0L)(_.rows)))
    val outcome =
      if (!plan.inStage) SparkNet.train(sc, train, test, plan, listener, checkpoint)
      else if (plan.isSynchronous) SynchronousStage.train(sc, train, test, plan, listener, checkpoint)
      else DeepSpark.train(sc, train, test, plan, listener, checkpoint)
    TrainedModel(plan.config, outcome.weights, outcome.normalizer)
  }
}
