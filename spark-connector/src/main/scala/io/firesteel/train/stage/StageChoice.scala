// Decides whether `sparknet` runs in one stage or in rounds, if the configuration does not say it. One stage is faster, and
// needs a task slot for each worker and executors that can connect to the driver. Both give the same bits.
package io.firesteel.train.stage

import com.fasterxml.jackson.databind.node.BooleanNode
import io.firesteel.{CheckpointStore, FiresteelException, Json, Schema, TrainConfig, TrainListener}
import io.firesteel.jni.{Exchanger, Kind, Link, NativeException}
import io.firesteel.tensors.PackedVector
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
        throw new FiresteelException(
          e.kind,
          s"${e.getMessage}, or ${roundsInstead(plan.asked)}: rounds run on fewer",
          e
        )
    }

  /** What must be changed in `asked` so that `sparknet` runs in rounds where there are too few slots. */
  private def roundsInstead(asked: TrainConfig): String = {
    val keys = stageKeys(asked)
    val rounds = Option.when(keys.isEmpty || asked.consistency.nonEmpty)("set consistency to rounds")
    (rounds ++ Option.when(keys.nonEmpty)(s"leave out ${keys.mkString(", ")}")).mkString(" and ")
  }

  /** The keys set in `asked` for which the engine takes one stage where `consistency` does not decide: those of the
    * exchange, which rounds do not read, and the outer optimiser. A switch that is off asks for nothing.
    */
  private[stage] def stageKeys(asked: TrainConfig): Seq[String] = {
    val values = Json.mapper.readTree(asked.toJson)
    Schema.settings.filter(row => row.group == "exchange" || row.key == "outer").map(_.key).filter { key =>
      Option(values.get(key)).exists(value => value != BooleanNode.FALSE && !Schema.defaults.get(key).contains(value))
    }
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
    Using.resource(Exchanger.open(probe.configJson, PackedVector.zeros(probe.length).bytes, Array.empty)) { exchanger =>
      val task = new ProbeTask(new ExchangerKey(exchanger.client(), resumed = 0))
      val (answers, missing) = EachExecutor.run(sc, executors, ProbeSeconds, "whether executors reach the driver")(task)
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
