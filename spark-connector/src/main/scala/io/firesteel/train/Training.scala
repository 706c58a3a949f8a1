// The entry point of training: completes the configuration and runs the training loop of its strategy.
package io.firesteel.train

import io.firesteel.{CheckpointStore, FiresteelException, TrainConfig, TrainListener}
import io.firesteel.data.ImageSource
import io.firesteel.train.placement.Slots
import io.firesteel.train.rounds.SparkNet
import io.firesteel.jni.Kind
import io.firesteel.train.faults.Cancellation
import io.firesteel.train.run.{Encryption, MemoryCheck, Plan, RunStopped}
import io.firesteel.train.stage.{DeepSpark, StageChoice, SynchronousStage}
import io.firesteel.train.workers.{Machines, NativeLibrary}
import io.firesteel.ui.RunPosts
import org.apache.spark.SparkContext

/** @param config completed; the consistency of `sparknet` is open where the cluster decides it
  * @param needsSlots whether all workers run at once
  */
private[firesteel] final case class Preview(config: TrainConfig, rounds: Int, needsSlots: Boolean)

object Training {

  /** Trains on `train` and returns the last center, or with `restore-best-weights` the best one that was evaluated. The
    * run ends early by `patience` or by the listener's `stops`.
    *
    * @param test evaluated every `eval-every` rounds and at the end
    * @param config completed and checked here
    * @param listener called with the run's events; an exception that it throws ends the run and is thrown here
    * @param checkpoint saved with every evaluation and at the end, and loaded if `config.resume`; `Checkpoint` tells
    *   which keys of the configuration may differ then
    * @throws FiresteelException of kind config for a wrong request, of kind memory for a run that does not fit the
    *   machines, of kind cancelled if this thread is interrupted (its flag is set again), if a job of the run is cancelled,
    *   say by its job group, or if the listener stops the run before its first round has ended, and of other kinds for a
    *   failed run
    */
  def train(
      sc: SparkContext,
      train: ImageSource,
      test: Option[ImageSource],
      config: TrainConfig,
      listener: TrainListener,
      checkpoint: Option[CheckpointStore]
  ): TrainedModel = named(sc, train, test, config, listener, checkpoint, config.out.getOrElse(config.strategy))

  /** The same, called `name` in Spark's web UI. */
  private[firesteel] def named(
      sc: SparkContext,
      train: ImageSource,
      test: Option[ImageSource],
      config: TrainConfig,
      listener: TrainListener,
      checkpoint: Option[CheckpointStore],
      name: String
  ): TrainedModel = RunPosts.around(sc, name, config, listener)(trained(sc, train, test, config, _, checkpoint))

  private def trained(
      sc: SparkContext,
      train: ImageSource,
      test: Option[ImageSource],
      config: TrainConfig,
      listener: TrainListener,
      checkpoint: Option[CheckpointStore]
  ): TrainedModel = FiresteelException.unwrapping(Cancellation.told(RunSettings.within(sc) {
    NativeLibrary.load()
    checkEvaluated(config, test)
    val asked = Plan.workersAsked(config, train)
    val slots = Slots.settled(sc, asked, listener.waiting, listener.stops)
    if (listener.stops) throw new RunStopped
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
  }))

  /** The task slots of the application, at least 1, once its executors have registered, as `train` waits for them. */
  private[firesteel] def slots(sc: SparkContext): Int = math.max(1, Slots.settled(sc, wanted = None, tell = _ => ()))

  /** What `train` would do with that training set and so many task slots, without doing it.
    *
    * @throws FiresteelException of kind config for a wrong request
    */
  private[firesteel] def preview(config: TrainConfig, train: ImageSource, slots: Int): Preview = {
    NativeLibrary.load()
    val plan = Plan.resolve(config, train, slots)
    Preview(plan.config, plan.rounds, plan.inStage)
  }

  private def checkEvaluated(config: TrainConfig, test: Option[ImageSource]): Unit = {
    val comparing = Seq("patience" -> config.patience.nonEmpty, "restore-best-weights" -> config.restoreBestWeights)
    for ((key, _) <- comparing.find(_._2) if test.forall(_.rows == 0))
      throw new FiresteelException(Kind.CONFIG, s"$key needs images to evaluate, and there is only a training set")
  }
}
