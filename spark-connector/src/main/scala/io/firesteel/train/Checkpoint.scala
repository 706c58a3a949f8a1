// A checkpoint is one safetensors file: the center, each worker's solver state where workers have their own, the
// exchanger's snapshot where there is one, and where the run stands as metadata. A resumed run is the same run: only
// `MayDiffer` may be set otherwise, and after rounds the bits are those of a run that was never interrupted.
package io.firesteel.train

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.jni.{Engine, Kind}
import java.util.Arrays
import scala.jdk.CollectionConverters._

private[train] object Checkpoint {

  /** Where files and the exchanger are and how often one looks do not change the weights. Everything else might:
    * `iterations` too, since learning-rate policies are stretched to them.
    */
  private val MayDiffer =
    Set("data", "out", "resume", "eval-every", "bind", "advertise", "exchange-deadline", "exchange-wait", "tls")

  // metadata that only runs inside one stage have
  private val SnapshotBytes = "exchanger-bytes"
  private val Resumed = "resumed"

  /** Where a run starts from: the checkpoint's state when the configuration says `resume`, else one without weights. */
  def start(plan: Plan, rows: Long, store: Option[CheckpointStore]): RunState =
    if (plan.config.resume)
      store.flatMap(_.load()) match {
        case Some(bytes) => decode(plan, rows, bytes)
        case None        =>
          throw new FiresteelException(Kind.CONFIG, "resume: there is no checkpoint; leave resume out to start anew")
      }
    else RunState(0, Array.empty, IndexedSeq.empty, samples = 0, seconds = 0, wallSeconds = 0, score = None)

  /** The state with the initial weights where it has none, which may depend on the sums over the training set. */
  def fitted(plan: Plan, start: RunState, statistics: Array[Long]): RunState =
    if (start.center.nonEmpty) start
    else {
      val weights = Engine.initialWeights(plan.configJson, statistics)
      start.copy(center = Arrays.copyOf(weights, plan.centerLength)) // a solver state of 0
    }

  /** The file's bytes; `solverStates` are the workers' own, in partition order, or none. */
  def encode(plan: Plan, rows: Long, state: RunState, solverStates: IndexedSeq[Array[Float]]): Array[Byte] = {
    val totals = Seq(
      "config" -> plan.configJson,
      "rows" -> rows.toString,
      "round" -> state.round.toString,
      "local-steps" -> plan.firstStep(state.round).toString,
      "samples" -> state.samples.toString,
      "seconds" -> state.seconds.toString,
      "wall-seconds" -> state.wallSeconds.toString
    )
    val score = state.score.toSeq.flatMap(s => Seq("accuracy" -> s.accuracy.toString, "loss" -> s.loss.toString))
    val stage = Seq(SnapshotBytes -> state.snapshot.length.toString, Resumed -> state.resumed.toString)
    val metadata = totals ++ score ++ (if (plan.inStage) stage else Nil)
    val values = (state.center +: solverStates :+ Tensors.packed(state.snapshot)).toArray.flatten
    Engine.encodeTensors(layout(plan, state.snapshot.length).withMetadata(metadata: _*).json, values)
  }

  private def decode(plan: Plan, rows: Long, bytes: Array[Byte]): RunState = {
    val metadata = Tensors.mapper.readTree(Engine.tensorsMetadata(bytes))
    def field(key: String): String = Option(metadata.get(key)).map(_.asText).getOrElse {
      throw new FiresteelException(Kind.DATA, s"checkpoint: $key is missing in the metadata")
    }
    refuseAnother(plan, rows, field("config"), field("rows").toLong)
    val snapshot = if (plan.inStage) field(SnapshotBytes).toInt else 0
    val values = Engine.decodeTensors(layout(plan, snapshot).json, bytes)
    val length = plan.centerLength
    val (solverStates, packed) = values.drop(length).splitAt(values.length - length - Tensors.packedLength(snapshot))
    RunState(
      field("round").toInt,
      values.take(length),
      solverStates.grouped(plan.stateLength).toIndexedSeq,
      field("samples").toLong,
      field("seconds").toDouble,
      field("wall-seconds").toDouble,
      Option.when(metadata.has("accuracy"))(Score(field("accuracy").toDouble, field("loss").toDouble)),
      Tensors.unpacked(packed, snapshot),
      if (plan.inStage) field(Resumed).toInt + 1 else 0
    )
  }

  private def refuseAnother(plan: Plan, rows: Long, configJson: String, savedRows: Long): Unit = {
    val (now, saved) = (Tensors.mapper.readTree(plan.configJson), Tensors.mapper.readTree(configJson))
    val keys = (now.fieldNames.asScala ++ saved.fieldNames.asScala).toSeq.distinct.sorted
    val differing = keys.filterNot(MayDiffer).filter(key => now.get(key) != saved.get(key))
    def shown(value: JsonNode) = Option(value).fold("absent")(_.toString)
    if (differing.nonEmpty) {
      val each = differing.map(key => s"$key was ${shown(saved.get(key))}, is ${shown(now.get(key))}")
      throw new FiresteelException(Kind.CONFIG, s"checkpoint of another configuration: ${each.mkString("; ")}")
    }
    if (rows != savedRows)
      throw new FiresteelException(Kind.CONFIG, s"checkpoint of a training set of $savedRows rows, this one has $rows")
  }

  private def layout(plan: Plan, snapshotBytes: Int): Tensors = {
    val workers = if (plan.keepsState) 0 until plan.workers else Seq.empty
    val states = workers.map(worker => f"worker.$worker%05d.state" -> Seq(plan.stateLength.toLong))
    val exchanger = Option.when(plan.inStage)("exchanger" -> Seq(Tensors.packedLength(snapshotBytes).toLong))
    Tensors(("center" -> Seq(plan.centerLength.toLong)) +: (states ++ exchanger))
  }
}
