// The entry to training: completes the configuration, and hands it to the loop that its strategy asks for.
package io.firesteel.train

import io.firesteel.data.ImageSource
import org.apache.spark.SparkContext

object Training {

  /** Trains on `train` and returns the last center.
    *
    * @param test evaluated every `eval-every` rounds and at the end
    * @param config completed and checked here
    * @param listener what it throws ends the run and comes out as it is
    * @param checkpoint saved with every evaluation and at the end, and gone on from when `config.resume`; see
    *   [[Checkpoint]] for what may differ between the two runs
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
    val asked = Plan.workersAsked(config, train)
    val slots = Slots.settled(sc, asked, listener.waiting)
    if (asked.isEmpty && slots == 0) throw Slots.noneToCount(sc)
    val resolved = Encryption.decided(Plan.resolve(config, train, slots), sc.getConf)
    val needs = MemoryNeeds.checked(sc, resolved, train.rows, test.fold(0L)(_.rows))
    val plan = resolved.copy(needs = needs, machines = Machine.all(sc, resolved.configJson))
    if (plan.inStage) DeepSpark.train(sc, train, test, plan, listener, checkpoint)
    else SparkNet.train(sc, train, test, plan, listener, checkpoint)
  }
}
