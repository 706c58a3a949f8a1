// What was done, in sentences for a paper, written from the settings of a comparison.
package io.firesteel.compare

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{Json, Schema}
import java.util.Locale
import scala.jdk.CollectionConverters._

private[compare] object Method {

  def paragraphs(matrix: Matrix, cells: Seq[PlannedCell]): Seq[String] = {
    val configs = cells.map(cell => Json.mapper.readTree(cell.config.toJson).asInstanceOf[ObjectNode])
    Seq(trained(matrix, cells), evaluated(matrix)) ++ Option.when(matrix.simulated)(simulated(cells)) :+ shared(configs)
  }

  private def trained(matrix: Matrix, cells: Seq[PlannedCell]): String = {
    val data = cells.map(cell => (cell.config.data.get, cell.images.train.rows)).distinct.map { case (name, rows) =>
      s"$name (${"%,d".formatLocal(Locale.ROOT, rows)} training images)"
    }
    val seeds = cells.map(_.config.seed).distinct
    val repeated = if (seeds.size == 1) s"with seed ${seeds.head}" else s"with each of ${seeds.size} seeds"
    val nets = cells.map(_.config.net).distinct.mkString(", ")
    s"Nets ($nets) were trained on ${data.mkString(" and ")}, ${cells.size} runs in all, $repeated. Each run has the same " +
      s"budget: ${matrix.budget.words}."
  }

  private def evaluated(matrix: Matrix): String =
    s"Each run was evaluated about ${matrix.evaluations} times, and at its end. Accuracy is that of the center on the test " +
      "images, or on the validation images where there are some. Seconds are of training, without evaluations. Steadiness " +
      "is the standard deviation of the second half of a run's evaluations about the straight line through them."

  private def simulated(cells: Seq[PlannedCell]): String = {
    val clusters = cells.flatMap(_.cluster)
    val same = clusters.head.properties.asScala.toSeq.map(entry => entry.getKey -> entry.getValue).filter {
      case (key, value) => !value.isNull && clusters.forall(_.get(key) == value)
    }
    val numbers = same.map { case (key, value) => s"$key ${shown(value)}" }.mkString("; ")
    "The workers of a run trained one after the other under a virtual clock, whose seconds are those of the report; their " +
      s"steps are real. The simulated cluster of all runs: $numbers."
  }

  private def shown(value: JsonNode): String =
    if (value.isArray) value.elements.asScala.map(_.asText).mkString(",") else value.asText

  /** The settings that all runs have, and that are not the defaults. */
  private def shared(configs: Seq[ObjectNode]): String = {
    val first = configs.head
    val common =
      first.properties.asScala.toSeq.map(entry => entry.getKey -> entry.getValue).filter { case (key, value) =>
        !Hidden(key) && !Schema.defaults.get(key).contains(value) && configs.forall(_.get(key) == value)
      }
    val listed = common.map { case (key, value) => s"$key ${shown(value)}" }
    if (listed.isEmpty) "All other settings have their defaults." else s"All runs: ${listed.mkString("; ")}."
  }

  private val Hidden = Set("data", "net", "seed", "out")
}
