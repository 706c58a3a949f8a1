// Where the configuration leaves it to the cluster whether `sparknet` runs in one stage or in rounds: one stage is faster,
// and needs a slot for each worker, all at once, and executors that reach the driver. Both give the same bits.
package io.firesteel.train.stage

import io.firesteel.{CheckpointStore, FiresteelException, TrainConfig}
import io.firesteel.jni.{Exchanger, Kind, Link, NativeException}
import io.firesteel.train.placement.{EachExecutor, Slots}
import io.firesteel.train.run.{Checkpoint, Encryption, Plan}
import io.firesteel.train.workers.{ExchangerKey, NativeLibrary}
import org.apache.spark.{SparkContext, TaskContext}
import org.apache.spark.firesteel.TaskSlots
import scala.util.Using

private[train] object StageChoice {
  private val ConnectSeconds = 5L // within which an executor must reach the driver
  private val ProbeSeconds = 120L // an executor fetches its archives and loads libtorch before its first task

  /** The plan with its consistency decided. A run that is resumed stays in rounds where it was in them: workers in a stage
    * go on from an exchanger's snapshot, which such a checkpoint does not have.
    */
  def decided(sc: SparkContext, plan: Plan, checkpoint: Option[CheckpointStore]): Plan =
    if (plan.config.strategy != "sparknet") plan
    else if (plan.config.consistency.nonEmpty) plan.copy(how = if (plan.inStage) Stage else Rounds)
    else {
      val stage = Encryption.decided(plan.withConsistency("bsp"), sc.getConf)
      val against = resumedInRounds(plan, checkpoint).orElse(slotsMissing(sc, plan)).orElse(unreached(sc, stage))
      against.fold(stage.copy(how = Stage))(why => plan.withConsistency("rounds").copy(how = s"$Rounds ($why)"))
    }

  /** Waits for a slot for each worker.
    *
    * @throws FiresteelException of kind config where they do not come
    */
  def awaitSlots(sc: SparkContext, plan: Plan): Unit =
    try Slots.await(sc, plan.workers)
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

  private def slotsMissing(sc: SparkContext, plan: Plan): Option[String] = {
    val slots = TaskSlots.now(sc)
    Option.when(slots < plan.workers)(s"${if (slots == 1) "1 slot" else s"$slots slots"} for ${plan.workers} workers")
  }

  /** What keeps some executor from an exchanger of this process. In local Spark there is no network between them. */
  private def unreached(sc: SparkContext, stage: Plan): Option[String] = if (sc.isLocal) None
  else {
    val executors = TaskSlots.executors(sc).map(_.id).toSet
    val probe = Plan.described(probing(sc, stage.config, executors.size).toJson)
    Using.resource(Exchanger.open(probe.configJson, new Array(probe.length), Array.empty)) { exchanger =>
      val task = new ProbeTask(new ExchangerKey(exchanger.client(), resumed = 0))
      val answers = EachExecutor.run(sc, executors, ProbeSeconds)(task)
      val failed = answers.of.toSeq.sortBy(_._1).collectFirst { case (id, Some(why)) => s"executor $id: $why" }
      failed.orElse(answers.missing.headOption.map(id => s"executor $id ran no task within $ProbeSeconds s"))
    }
  }

  /** A center of the smallest net, to which each executor attaches once. */
  private def probing(sc: SparkContext, config: TrainConfig, executors: Int): TrainConfig =
    StageJob
      .listening(sc, config)
      .copy(net = "cifar10_quick", workers = Some(executors), exchangeDeadline = ConnectSeconds)
}

/** Attaches to the exchanger and pulls its center, as the workers will; answers what went wrong. */
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
