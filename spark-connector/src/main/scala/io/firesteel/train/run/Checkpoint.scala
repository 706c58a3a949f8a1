// A checkpoint is one safetensors file: the weights of the best evaluation if the model may get them, the center, the
// workers' solver states if they have their own, the exchanger's snapshot of a run inside one stage, and the state of the
// run as metadata. A resumed run has the same configuration except for the keys in `MayDiffer`; in rounds it gives the bits
// of a run that was never interrupted.
package io.firesteel.train.run

import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{CheckpointStore, FiresteelException, Json, Schema, StoredFile}
import io.firesteel.jni.{Engine, Kind}
import io.firesteel.tensors.{PackedVector, Target, TensorFile, Tensors, Values}
import java.io.OutputStream
import java.util.Locale
import scala.jdk.CollectionConverters._
import scala.util.Using

private[train] object Checkpoint {

  /** The places of files, the exchanger's addresses and waiting times, and the frequency of evaluations do not change
    * the weights, nor does the patience as long as the run goes on. Every other key may; `iterations` too, since
    * learning-rate policies depend on it. `isOther` has the rule for `consistency`.
    */
  val MayDiffer: Set[String] =
    Set(
      "data",
      "out",
      "resume",
      "eval-every",
      "patience",
      "bind",
      "advertise",
      "exchange-deadline",
      "exchange-wait",
      "tls"
    )

  // metadata of runs inside one stage
  private val SnapshotBytes = "exchanger-bytes"
  private val Resumed = "resumed"

  private val MostSnapshot = 1L << 40 // so that no size computed from it overflows; the file's length is checked, too

  private val LocalSteps = "local-steps"

  // metadata of the best evaluation
  private val BestRound = "best-round"
  private val BestAccuracy = "best-accuracy"
  private val BestLoss = "best-loss"
  private val SinceBest = "evaluations-since-best"

  // tensors
  private val BestWeights = "best"
  private val Center = "center"
  private val Exchanger = "exchanger"

  /** The state that a run starts from: the checkpoint's if the configuration says `resume`, else one without weights.
    */
  def start(plan: Plan, rows: Long, store: Option[CheckpointStore]): RunState =
    if (plan.config.resume)
      store.flatMap(_.load()) match {
        case Some(file) => Using.resource(file)(read(plan, rows, _))
        case None       =>
          throw new FiresteelException(Kind.CONFIG, "resume: there is no checkpoint; leave resume out to start anew")
      }
    else RunState(0, PackedVector.empty, IndexedSeq.empty, samples = 0, seconds = 0, wallSeconds = 0, score = None)

  /** The resolved configuration of the run that saved the checkpoint. None if there is no checkpoint. */
  def configuration(store: CheckpointStore): Option[JsonNode] = store.load().map { file =>
    Using.resource(file) { stored =>
      val opened = TensorFile.open(stored)
      parsed(opened.name, new CheckpointFields(opened).text("config"))
    }
  }

  /** Its consistency. None if there is no checkpoint, or its configuration has no such key. */
  def consistency(store: CheckpointStore): Option[String] =
    configuration(store).flatMap(config => Option(config.get("consistency")).map(_.asText))

  /** The state with initial weights if it has none. Some nets compute theirs from the statistics of the training set.
    */
  def initialized(plan: Plan, start: RunState, statistics: Array[Long]): RunState =
    if (!start.center.isEmpty) start
    else {
      val weights = Engine.initialWeights(plan.configJson, statistics)
      start.copy(center = PackedVector.padded(weights, plan.centerLength)) // a solver state of zeros
    }

  /** Writes the file; `solverStates` are the workers' own in the order of partitions, or none. */
  def write(
      plan: Plan,
      rows: Long,
      state: RunState,
      solverStates: IndexedSeq[PackedVector]
  )(out: OutputStream): Unit = {
    val totals = Seq(
      "config" -> plan.configJson,
      "rows" -> rows.toString,
      "round" -> state.round.toString,
      LocalSteps -> plan.firstStep(state.round).toString,
      "samples" -> state.samples.toString,
      "seconds" -> state.seconds.toString,
      "wall-seconds" -> state.wallSeconds.toString
    )
    val score = state.score.toSeq.flatMap(s => Seq("accuracy" -> s.accuracy.toString, "loss" -> s.loss.toString))
    val snapshotBytes = state.snapshot.map(_.length.toLong).sum
    val stage = Seq(SnapshotBytes -> snapshotBytes.toString, Resumed -> state.resumed.toString)
    val best = state.best.toSeq.flatMap { best =>
      Seq(
        BestRound -> best.round.toString,
        BestAccuracy -> best.score.accuracy.toString,
        BestLoss -> best.score.loss.toString,
        SinceBest -> best.since.toString
      )
    }
    val metadata = totals ++ score ++ best ++ (if (plan.inStage) stage else Nil)
    val snapshot = Option.when(plan.inStage)(Values.Bytes(state.snapshot))
    val restored = state.best.filter(_ => plan.config.restoreBestWeights).map(best => Values.Packed(best.weights))
    val values =
      (restored.toSeq :+ Values.Packed(state.center)) ++ snapshot.toSeq ++ solverStates.map(Values.Packed(_))
    val tensors = layout(plan, snapshotBytes, restored.nonEmpty)
    TensorFile.write(out, tensors.withMetadata(metadata: _*), values)
  }

  private def read(plan: Plan, rows: Long, stored: StoredFile): RunState = {
    val file = TensorFile.open(stored)
    val fields = new CheckpointFields(file)
    refuseAnother(file.name, plan, rows, fields.text("config"), fields.whole("rows", 0, Long.MaxValue))
    val round = fields.whole("round", 0, plan.rounds.toLong).toInt
    val steps = plan.firstStep(round)
    fields.whole(LocalSteps, steps, steps)
    val snapshotBytes = if (plan.inStage) fields.whole(SnapshotBytes, 0, MostSnapshot) else 0L
    val evaluated = fields.has(BestRound)
    val restored = evaluated && plan.config.restoreBestWeights
    val expected = layout(plan, snapshotBytes, restored)
    file.check(expected.shapes) // from here on the sizes are those of the plan, or of the file
    val snapshot = TensorFile.pieces(snapshotBytes)
    val center = PackedVector.zeros(plan.centerLength)
    val best = PackedVector.zeros(if (restored) plan.length else 0)
    val states = stateNames(plan).map(_ -> PackedVector.zeros(plan.stateLength))
    val vectors = Seq(Center -> center, BestWeights -> best) ++ states
    val targets = vectors.map { case (name, vector) => name -> Target.Bytes(Array(vector.bytes)) } ++
      Option.when(plan.inStage)(Exchanger -> Target.Bytes(snapshot))
    val state = RunState(
      round,
      center,
      states.map(_._2).toIndexedSeq,
      fields.whole("samples", 0, Long.MaxValue),
      fields.real("seconds", 0, Double.MaxValue),
      fields.real("wall-seconds", 0, Double.MaxValue),
      Option.when(fields.has("accuracy"))(
        Score(fields.real("accuracy", 0, 1), fields.real("loss", -Double.MaxValue, Double.MaxValue))
      ),
      Option.when(evaluated)(
        Best(
          fields.whole(BestRound, 0, round.toLong).toInt,
          Score(fields.real(BestAccuracy, 0, 1), fields.real(BestLoss, -Double.MaxValue, Double.MaxValue)),
          fields.whole(SinceBest, 0, Long.MaxValue),
          best
        )
      ),
      snapshot,
      if (plan.inStage) fields.whole(Resumed, 0, RunState.MaxResumed - 1).toInt + 1 else 0
    )
    file.read(targets.toMap)
    state
  }

  private def refuseAnother(name: String, plan: Plan, rows: Long, configJson: String, savedRows: Long): Unit = {
    val now = Json.mapper.readTree(plan.configJson)
    val saved = parsed(name, configJson)
    val keys = (now.fieldNames.asScala ++ saved.fieldNames.asScala).toSeq.distinct.sorted
    val differing = keys.filterNot(MayDiffer).filter(key => isOther(key, saved.get(key), now.get(key)))
    def shown(value: JsonNode) = Option(value).fold("absent")(_.toString)
    if (differing.nonEmpty) {
      val each = differing.map(key => s"$key was ${shown(saved.get(key))}, is ${shown(now.get(key))}")
      throw new FiresteelException(Kind.CONFIG, s"$name is of another configuration: ${each.mkString("; ")}")
    }
    if (rows != savedRows)
      throw new FiresteelException(
        Kind.CONFIG,
        s"$name is of a training set of $savedRows rows, this one has $rows"
      )
  }

  /** Whether a key has changed so that the run cannot be resumed. A checkpoint of an earlier version lacks the settings
    * that are younger: they had their defaults. A run in one stage can be resumed in rounds: its checkpoint has all that
    * rounds need, and both give the same bits.
    */
  private def isOther(key: String, saved: JsonNode, now: JsonNode): Boolean =
    orDefault(key, saved) != orDefault(key, now) && {
      def text(value: JsonNode) = Option(value).fold("rounds")(_.asText)
      key != "consistency" || text(now) != "rounds"
    }

  private def orDefault(key: String, value: JsonNode): Option[JsonNode] =
    Option(value).orElse(Schema.defaults.get(key))

  private def parsed(name: String, configJson: String): JsonNode =
    try Json.mapper.readTree(configJson)
    catch {
      case e: JsonProcessingException => throw new FiresteelException(Kind.DATA, s"$name: config is not JSON", e)
    }

  private def stateNames(plan: Plan): Seq[String] =
    if (plan.keepsState) (0 until plan.workers).map("worker.%05d.state".formatLocal(Locale.ROOT, _)) else Nil

  /** In the order of the names. */
  private def layout(plan: Plan, snapshotBytes: Long, restored: Boolean): Tensors = {
    val states = stateNames(plan).map(_ -> Seq(plan.stateLength.toLong))
    val exchanger = Option.when(plan.inStage)(Exchanger -> Seq(Tensors.packedLength(snapshotBytes)))
    val best = Option.when(restored)(BestWeights -> Seq(plan.length.toLong))
    Tensors((best.toSeq :+ (Center -> Seq(plan.centerLength.toLong))) ++ exchanger.toSeq ++ states)
  }
}

/** The metadata of a checkpoint; each field is checked when it is read. */
private final class CheckpointFields(file: TensorFile) {
  def has(key: String): Boolean = file.metadata.contains(key)

  def text(key: String): String = file.metadata.getOrElse(key, refuse(s"$key is missing in the metadata"))

  def whole(key: String, least: Long, most: Long): Long = {
    val said = text(key)
    said.toLongOption.filter(value => value >= least && value <= most).getOrElse {
      val range =
        if (least == most) s"$least" else if (most == Long.MaxValue) s"at least $least" else s"$least to $most"
      refuse(s"$key is ${shown(said)}, not a whole number that is $range")
    }
  }

  def real(key: String, least: Double, most: Double): Double = {
    val said = text(key)
    said.toDoubleOption.filter(value => value >= least && value <= most).getOrElse {
      val range =
        if (most < Double.MaxValue) s" from $least to $most" else if (least == 0) " that is not negative" else ""
      refuse(s"$key is ${shown(said)}, not a finite number$range")
    }
  }

  /** Text from a file, fit for a message: it may be long, or contain control characters for a terminal. */
  private def shown(said: String): String = {
    val plain = said.take(32).map(c => if (c < ' ' || c == 0x7f) '?' else c)
    if (said.length > 32) s"'$plain..'" else s"'$plain'"
  }

  private def refuse(what: String): Nothing = throw new FiresteelException(Kind.DATA, s"${file.name}: $what")
}
