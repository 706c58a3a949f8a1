// Decides whether `sparknet` runs in one stage or in rounds, if the configuration does not say it. One stage is faster, and
// needs a task slot for each worker and executors that can connect to the driver. Both give the same bits.
package io.firesteel.train.stage

import io.firesteel.{CheckpointStore, FiresteelException, TrainConfig, TrainListener}
import io.firesteel.jni.{Exchanger, Kind, Link, NativeException}
import io.firesteel.train.placement.{EachExecutor, Slots}
import io.firesteel.train.run.{Checkpoint, Encryption, Plan}
import io.firesteel.train.workers.{ExchangerKey, NativeLibrary}
import org.apache.spark.{SparkContext, TaskContext}
import org.apache.spark.firesteel.TaskSlots
import scala.util.Using

private[train] object StageChoice {
  private val ConnectSeconds = 5L // for an executor to connect to the driver
  private val ProbeSeconds = 120L // an executor downloads its archives and loads libtorch before its first task

  /** The plan with a consistency. A run in rounds is resumed in rounds: workers in one stage resume from an exchanger's
    * snapshot, which its checkpoint does not have.
    */
  def decided(sc: SparkContext, plan: Plan, checkpoint: Option[CheckpointStore]): Plan =
    if (plan.config.strategy != "sparknet") plan
    else if (plan.config.consistency.nonEmpty) plan.copy(how = if (plan.inStage) Stage else Rounds)
    else {
      val stage = Encryption.decided(plan.withConsistency("bsp"), sc.getConf)
      val against = resumedInRounds(plan, checkpoint).orElse(slotsMissing(plan)).orElse(unreached(sc, stage))
      against.fold(stage.copy(how = Stage))(why => plan.withConsistency("rounds").copy(how = s"$Rounds ($why)"))
    }

  /** Waits for a slot for each worker.
    *
    * @param listener told if the waiting takes longer than a moment
    * @throws FiresteelException of kind config where they do not come
    */
  def awaitSlots(sc: SparkContext, plan: Plan, listener: TrainListener): Unit =
    try Slots.await(sc, plan.workers, listener.waiting, listener.stops)
    catch {
      case e: FiresteelException if e.kind == Kind.CONFIG && plan.config.strategy == "sparknet" =>
        val keys = stageKeys(plan.config)
        val rounds = if (keys.isEmpty) "set consistency to rounds" else s"leave out ${keys.mkString(", ")}"
        throw new FiresteelException(e.kind, s"${e.getMessage}, or $rounds: rounds run on fewer", e)
    }

  /** Keys that make `sparknet` run in one stage, apart from `consistency`. */
  private def stageKeys(config: TrainConfig): Seq[String] = {
    val default = TrainConfig()
    Seq(
      "outer" -> (config.outer != default.outer),
      "codec" -> (config.codec != default.codec),
      "shards" -> (config.shards != default.shards),
      "exchangers" -> (config.exchangers != default.exchangers),
      "bind" -> config.bind.nonEmpty,
      "advertise" -> config.advertise.nonEmpty,
      "exchange-deadline" -> (config.exchangeDeadline != default.exchangeDeadline),
      "exchange-wait" -> (config.exchangeWait != default.exchangeWait)
    ).collect { case (key, true) => key }
  }

  private val Stage = "in one stage"
  private val Rounds = "in rounds"

  private def resumedInRounds(plan: Plan, checkpoint: Option[CheckpointStore]): Option[String] =
    Option.when(plan.config.resume && checkpoint.flatMap(Checkpoint.consistency).forall(_ == "rounds"))(
      "as the run that is resumed"
    )

  private def slotsMissing(plan: Plan): Option[String] = Option.when(plan.slots < plan.workers) {
    s"${if (plan.slots == 1) "1 slot" else s"${plan.slots} slots"} for ${plan.workers} workers"
  }

  /** Why an executor cannot connect to the driver; none if all can. In local Spark both are one process. */
  private def unreached(sc: SparkContext, stage: Plan): Option[String] = if (sc.isLocal) None
  else {
    val executors = TaskSlots.executors(sc)
    val probe = Plan.described(probing(sc, stage.config, executors.size).toJson)
    Using.resource(Exchanger.open(probe.configJson, new Array[Float](probe.length), Array.empty)) { exchanger =>
      val task = new ProbeTask(new ExchangerKey(exchanger.client(), resumed = 0))
      val (answers, missing) = EachExecutor.run(sc, executors, ProbeSeconds)(task)
      val failed = answers.toSeq.sortBy(_._1).collectFirst { case (id, Some(why)) => s"executor $id: $why" }
      failed.orElse(missing.headOption.map(id => s"executor $id ran no task within $ProbeSeconds s"))
    }
  }

  /** Of an exchanger with the center of the smallest net, to which each executor connects once. */
  private def probing(sc: SparkContext, config: TrainConfig, executors: Int): TrainConfig =
    StageJob
      .listening(sc, config)
      .copy(net = "cifar10_quick", workers = Some(executors), exchangeDeadline = ConnectSeconds)
}

/** Connects to the exchanger and reads its center, as the workers will. The result says what failed, if something did. */
private[stage] final class ProbeTask(key: ExchangerKey) extends (() => Option[String]) with Serializable {
  def apply(): Option[String] = {
    NativeLibrary.load()
    val task = TaskContext.get()
    try {
      Link.open(key.request(task.partitionId(), task.taskAttemptId())).close()
      None
    } catch { case e: NativeException => Some(e.getMessage) }
  }
}
