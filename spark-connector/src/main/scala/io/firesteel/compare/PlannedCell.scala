// A run of a comparison that was checked against its data and the cluster, and by what it is known again.
package io.firesteel.compare

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{FiresteelException, TrainConfig}
import io.firesteel.data.{DataDirectory, ImageFiles}
import io.firesteel.jni.Kind
import io.firesteel.train.Training
import io.firesteel.train.simulation.SimulatedTraining
import java.nio.charset.StandardCharsets.UTF_8
import java.security.MessageDigest
import java.util.HexFormat
import org.apache.spark.SparkContext
import scala.collection.mutable
import scala.jdk.CollectionConverters._

/** @param config completed, with the length that the budget gives
  * @param cluster that is simulated, with all its numbers; none of a real run
  * @param evaluations of the whole run, the last one included
  * @param digest of `config` and of the names and lengths of the data's files: a finished run with it is not run again
  */
final case class PlannedCell(
    cell: Cell,
    images: ImageFiles,
    config: TrainConfig,
    cluster: Option[ObjectNode],
    evaluations: Int,
    digest: String
) {

  /** Images that the run will use, repeats counted. */
  def samples: Long = config.iterations.get * config.workers.get * config.batch.get

  /** The command line that repeats this run alone. */
  def command: String = {
    val asked = cell.settings.deepCopy()
    asked
      .put("iterations", config.iterations.get)
      .put("eval-every", config.evalEvery)
      .put("workers", config.workers.get)
    val program = if (cluster.isEmpty) "scripts/submit -- train" else "target/release/simulate"
    PlannedCell.options(asked).mkString(s"$program ", " ", " --out DIR")
  }
}

object PlannedCell {

  /** Checks all cells before any runs.
    *
    * @param slots task slots of the cluster
    * @throws FiresteelException of kind config, with the cell, for one that cannot run; of other kinds for wrong data
    */
  def all(sc: SparkContext, matrix: Matrix, slots: Int): Seq[PlannedCell] = {
    val opened = mutable.Map.empty[(Option[String], Option[String], Option[Double], Long), ImageFiles]
    val digests = mutable.Map.empty[String, String]
    matrix.cells.map { cell =>
      try {
        val (asked, cluster) = split(cell.settings)
        val said = TrainConfig.fromJson(asked.toString)
        val config = if (matrix.simulated) SimulatedTraining.decided(said) else said
        val data = config.data.getOrElse(throw new FiresteelException(Kind.CONFIG, "data is not set"))
        val seed = config.validation.fold(0L)(_ => config.seed) // which chooses the validation files
        val images = opened.getOrElseUpdate(
          (config.data, config.dataset, config.validation, seed),
          ImageFiles.open(sc, data, config.dataset, config.validation, seed)
        )
        val (completed, evaluations) = sized(matrix, config, images, slots)
        val files = digests.getOrElseUpdate(data, DataDirectory.fingerprint(sc, data))
        val simulated = Option.when(matrix.simulated)(SimulatedTraining.cluster(completed, cluster))
        PlannedCell(cell, images, completed, simulated, evaluations, digest(completed, simulated, files))
      } catch {
        case e: Exception =>
          val failure = FiresteelException.unwrap(e)
          val kind = Option(failure).collect { case known: FiresteelException => known.kind }.getOrElse(Kind.CONFIG)
          throw new FiresteelException(kind, s"${matrix.source}: run ${cell.name}", failure)
      }
    }
  }

  /** The settings of the run, and those of the cluster. */
  private def split(settings: ObjectNode): (ObjectNode, ObjectNode) = {
    val (run, cluster) = (settings.deepCopy(), settings.deepCopy())
    run.remove(SimulatedTraining.Keys.asJava)
    cluster.retain(SimulatedTraining.Keys.asJava)
    (run, cluster)
  }

  private def sized(matrix: Matrix, config: TrainConfig, images: ImageFiles, slots: Int): (TrainConfig, Int) = {
    val shape = Training.preview(config, images.train, slots)
    val (batch, workers) = (shape.config.batch.get, shape.config.workers.get)
    if (!matrix.simulated && shape.needsSlots && workers > slots)
      throw new FiresteelException(
        Kind.CONFIG,
        s"strategy ${config.strategy} runs $workers workers at once, and there are $slots task slots"
      )
    val steps = matrix.budget match {
      case Budget.Samples(count)    => Some(math.max(1, math.round(count.toDouble / (batch.toLong * workers))))
      case Budget.Iterations(steps) => Some(steps)
      case Budget.Seconds(_)        => None // the recipe's length decides on the schedule of the learning rate
    }
    val lasting = Training.preview(config.copy(iterations = steps), images.train, slots)
    val every = math.max(1, lasting.rounds / matrix.evaluations)
    (lasting.config.copy(evalEvery = every, out = None), math.max(1, (lasting.rounds + every - 1) / every))
  }

  private def digest(config: TrainConfig, cluster: Option[ObjectNode], files: String): String = {
    val sha = MessageDigest.getInstance("SHA-256")
    sha.update(config.toJson.getBytes(UTF_8))
    cluster.foreach(numbers => sha.update(numbers.toString.getBytes(UTF_8)))
    HexFormat.of().formatHex(sha.digest(files.getBytes(UTF_8))).take(Digits)
  }

  private val Digits = 16 // of a digest in hexadecimal: 64 bits, for some thousand runs

  private def options(settings: ObjectNode): Seq[String] =
    settings.properties.asScala.toSeq.map(entry => entry.getKey -> entry.getValue).flatMap {
      case (key, value: JsonNode) if value.isBoolean => if (value.asBoolean) Seq(s"--$key") else Nil
      case (key, value) if value.isArray => Seq(s"--$key", value.elements.asScala.map(_.asText).mkString(","))
      case (key, value)                  => Seq(s"--$key", quoted(value.asText))
    }

  /** A word of a shell's command line. */
  private def quoted(text: String): String =
    if (text.matches("[A-Za-z0-9_@%+=:,./-]+")) text else s"'${text.replace("'", "'\\\\''")}'"
}
