// The entry point of training: completes the configuration and runs the training loop of its strategy.
package io.firesteel.train

import io.firesteel.{CheckpointStore, FiresteelException, TrainConfig, TrainListener}
import io.firesteel.data.ImageSource
import io.firesteel.train.placement.Slots
import io.firesteel.train.rounds.SparkNet
import io.firesteel.train.run.{Encryption, MemoryCheck, Plan}
import io.firesteel.train.stage.{DeepSpark, StageChoice, SynchronousStage}
import io.firesteel.train.workers.{Machines, NativeLibrary}
import org.apache.spark.SparkContext

object Training {

  /** Trains on `train` and returns the last center.
    *
    * @param test evaluated every `eval-every` rounds and at the end
    * @param config completed and checked here
    * @param listener called with the run's events; an exception that it throws ends the run and is thrown here
    * @param checkpoint saved with every evaluation and at the end, and loaded if `config.resume`; `Checkpoint` tells
    *   which keys of the configuration may differ then
    * @throws FiresteelException of kind config for a wrong request, of kind memory for a run that does not fit the
    *   machines, and of other kinds for a failed run
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
    val asked = Plan.workersAsked(config, train)
    val slots = Slots.settled(sc, asked, listener.waiting)
    if (asked.isEmpty && slots == 0) throw Slots.unknown(sc)
    val decided = StageChoice.decided(sc, Plan.resolve(config, train, slots), checkpoint)
    val resolved = Encryption.decided(decided, sc.getConf)
    val needs = MemoryCheck.checked(sc, resolved, train, test)
    val plan = resolved.copy(needs = needs, machines = Machines.all(sc, resolved.configJson))
    val outcome =
      if (!plan.inStage) SparkNet.train(sc, train, test, plan, listener, checkpoint)
      else if (plan.isSynchronous) SynchronousStage.train(sc, train, test, plan, listener, checkpoint)
      else DeepSpark.train(sc, train, test, plan, listener, checkpoint)
    TrainedModel(plan.config, outcome.weights, outcome.normalizer)
  }
}
