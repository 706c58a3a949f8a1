// The plots of a comparison as SVG files: accuracy over each measure of effort, and over each axis of numbers.
package io.firesteel.compare

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import scala.jdk.CollectionConverters._

private[compare] object Plots {

  /** @param unit by which values are divided, which the title says */
  private final case class Effort(name: String, title: String, column: Int, unit: Double)

  private val Efforts = Seq(
    Effort("samples", "samples in thousands", 0, 1e3),
    Effort("seconds", "training seconds", 1, 1),
    Effort("virtual", "virtual seconds", 2, 1),
    Effort("bytes", "exchanged, in GB", 3, 1e9)
  )
  private val Accuracy = 4

  /** The names of files that there may be, for these axes. */
  def names(axes: Seq[String]): Seq[String] = (Efforts.map(_.name) ++ axes.map(key => s"by-$key")).map(fileName)

  private def fileName(plot: String) = s"accuracy-${plot.replaceAll("[^A-Za-z0-9-]", "-")}.svg"

  /** Names of files, and what stands in them.
    *
    * @param data as [[ReportData]] makes it
    */
  def svgs(data: ObjectNode): Map[String, String] = {
    val groups = data.path("groups").elements.asScala.toSeq
    val curves = Efforts.flatMap { effort =>
      val means = groups.map(group => MeanCurve.of(runs(group).map(curve(_, effort))))
      plot(effort.name, effort.title, "test accuracy, %", groups.map(_.path("label").asText).zip(means))
    }
    val axes = data.path("axes").elements.asScala.toSeq
    val keys = axes.map(_.path("key").asText)
    val sweeps = axes.filter(isNumeric).map(_.path("key").asText).flatMap { key =>
      plot(s"by-$key", key, "final test accuracy, %", sweep(groups, keys, key))
    }
    (curves ++ sweeps).toMap
  }

  /** Name and text, or none if no line has a point. */
  private def plot(
      name: String,
      x: String,
      y: String,
      lines: Seq[(String, Seq[PlotPoint])]
  ): Option[(String, String)] = {
    val all = lines.zipWithIndex.map { case ((label, points), i) => PlotLine(label, i, points) }
    val told = all.filter(_.points.nonEmpty)
    Option.when(told.nonEmpty)(fileName(name) -> LinePlot(x, y, told).svg)
  }

  private def runs(group: JsonNode) =
    group.path("runs").elements.asScala.filter(_.path("status").asText == "done").toSeq

  private def curve(run: JsonNode, effort: Effort): MeanCurve.Curve = MeanCurve.rising(
    for {
      point <- run.path("points").elements.asScala.toSeq
      (x, y) <- number(point.path(effort.column)).zip(number(point.path(Accuracy)))
    } yield (x / effort.unit, 100 * y)
  )

  private def number(node: JsonNode): Option[Double] = Option.when(node.isNumber)(node.asDouble).filter(_.isFinite)

  private def isNumeric(axis: JsonNode) = {
    val values = axis.path("values").elements.asScala.map(_.asText).toSeq
    values.size > 1 && values.forall(_.toDoubleOption.exists(_.isFinite))
  }

  /** A line for each combination of the other axes. */
  private def sweep(groups: Seq[JsonNode], keys: Seq[String], key: String): Seq[(String, Seq[PlotPoint])] = {
    val points = for {
      group <- groups
      settings = group.path("settings")
      x <- settings.path(key).asText.toDoubleOption
      accuracy = group.path("summary").path("accuracy")
      y <- number(accuracy.path("mean"))
    } yield {
      val rest =
        keys.filter(other => other != key && settings.has(other)).map(other => s"$other ${settings.get(other).asText}")
      rest.mkString(", ") -> PlotPoint(x, 100 * y, number(accuracy.path("sd")).map(100 * _))
    }
    points.map(_._1).distinct.map { label =>
      (if (label.isEmpty) "all runs" else label) -> points.collect { case (`label`, point) => point }.sortBy(_.x)
    }
  }
}
