// A comparison as its file says it: settings that all runs share, axes whose values are combined, and exceptions.
package io.firesteel.compare

import com.fasterxml.jackson.databind.node.ObjectNode
import java.util.Locale
import scala.jdk.CollectionConverters._

/** How long each run of a comparison trains: the same for all. */
sealed abstract class Budget(val words: String)

object Budget {
  private def counted(count: Long): String = "%,d".formatLocal(Locale.ROOT, count)

  /** Images of all workers together, each time they are used. */
  final case class Samples(count: Long) extends Budget(s"${counted(count)} samples of all workers together")

  /** Seconds of training, evaluations apart. */
  final case class Seconds(seconds: Double) extends Budget(s"$seconds seconds of training")

  /** Local steps of each worker, which is what Spark's deep learning papers of 2015 to 2017 counted. */
  final case class Iterations(steps: Long) extends Budget(s"${counted(steps)} local steps of each worker")
}

/** A value of an axis: its name in tables and legends, and the settings that it stands for. */
final case class AxisValue(label: String, settings: ObjectNode)

/** @param key a key of the table of settings, or any other word if all values are objects of settings */
final case class Axis(key: String, values: Seq[AxisValue])

/** Settings of the runs to which all of `where` applies: labels of axes, or values of settings. */
final case class Override(where: ObjectNode, set: ObjectNode)

/** @param source the file, for messages
  * @param simulated whether the runs are simulated; their settings may then have the keys of a cluster, too
  * @param base settings of all runs
  * @param evaluations how often each run is evaluated, at the end too
  * @param goal an accuracy, as a fraction, of which the report says when it was reached
  */
final case class Matrix(
    source: String,
    name: String,
    simulated: Boolean,
    base: ObjectNode,
    axes: Seq[Axis],
    exclude: Seq[ObjectNode],
    overrides: Seq[Override],
    budget: Budget,
    evaluations: Int,
    goal: Option[Double]
) {

  /** The runs, in the order of the axes: the last one changes fastest.
    *
    * @throws FiresteelException of kind config if two are the same, or an exclusion or override applies to none
    */
  def cells: Seq[Cell] = {
    val chosen = axes.foldLeft(Seq(Seq.empty[(String, AxisValue)])) { (before, axis) =>
      for (labels <- before; value <- axis.values) yield labels :+ (axis.key -> value)
    }
    val all = chosen.map { values =>
      val settings = base.deepCopy()
      values.foreach { case (_, value) => settings.setAll[ObjectNode](value.settings) }
      Cell(values.map { case (key, value) => key -> value.label }, settings)
    }
    exclude.foreach(where => applied("exclude", where, all))
    val kept = all.filterNot(cell => exclude.exists(cell.matches))
    overrides.foreach(change => applied("override", change.where, kept))
    val cells = kept.map(cell => overrides.filter(o => cell.matches(o.where)).foldLeft(cell)(_ `with` _.set))
    if (cells.isEmpty) MatrixFile.fail(source, "exclude leaves no run")
    for ((settings, same) <- cells.groupBy(_.settings) if same.size > 1)
      MatrixFile.fail(source, s"${same.map(_.name).mkString(" and ")} are the same run: $settings")
    cells
  }

  private def applied(key: String, where: ObjectNode, to: Seq[Cell]): Unit =
    if (!to.exists(_.matches(where))) MatrixFile.fail(source, s"$key: $where applies to no run")
}

/** One run of a comparison.
  *
  * @param labels of the axes, by their keys
  * @param settings as for `train`, without what the budget decides
  */
final case class Cell(labels: Seq[(String, String)], settings: ObjectNode) {

  /** The labels in one line, for messages. */
  def name: String = labels.map { case (key, label) => s"$key $label" }.mkString(", ")

  /** The labels without the seed: runs of the same group are repetitions of each other. */
  def group: Seq[(String, String)] = labels.filterNot(_._1 == Cell.Seed)

  private[compare] def matches(where: ObjectNode): Boolean = where.properties.asScala.forall { entry =>
    labels.toMap.get(entry.getKey).contains(entry.getValue.asText) ||
    Option(settings.get(entry.getKey)).contains(entry.getValue)
  }

  private[compare] def `with`(more: ObjectNode): Cell = copy(settings = settings.deepCopy().setAll[ObjectNode](more))
}

object Cell {
  val Seed = "seed"
}
