// All that a comparison's report shows, as one JSON object: the page draws it, and the tables are made of it.
package io.firesteel.compare

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{Build, Json}
import java.time.Instant
import java.time.temporal.ChronoUnit.SECONDS
import org.apache.spark.SparkContext
import scala.jdk.CollectionConverters._

private[compare] final class ReportData(matrix: Matrix, about: Map[String, String]) {
  import ReportData._

  /** @param runs the runs with their results, where they have one */
  def data(runs: Seq[(PlannedCell, Option[ObjectNode])]): ObjectNode = {
    val all = Json.mapper.createObjectNode()
    all.put("name", matrix.name).put("made", Instant.now().truncatedTo(SECONDS).toString)
    about.toSeq.sorted.foreach { case (key, value) => all.put(key, value) }
    all.put("budget", matrix.budget.words).put("simulated", matrix.simulated)
    matrix.goal.fold(all.putNull("goal"))(all.put("goal", _))
    val groups = runs.map(_._1.cell.group).distinct.map { labels =>
      new Group(labels, runs.filter(_._1.cell.group == labels).map { case (cell, line) => Run(cell, line) })
    }
    val method = all.putArray("method")
    Method.paragraphs(matrix, runs.map(_._1)).foreach(text => method.add(text))
    val axes = all.putArray("axes")
    for ((key, _) <- groups.headOption.toSeq.flatMap(_.labels)) {
      val values = axes.addObject().put("key", key).putArray("values")
      groups.flatMap(_.labels.toMap.get(key)).distinct.foreach(value => values.add(value))
    }
    val different = differing(groups, matrix.axes.map(_.key).toSet)
    // as long as the fastest runs took, so that every run has an evaluation by then
    val equal = groups.flatMap(_.done.flatMap(_.number("seconds"))).minOption
    equal.fold(all.putNull("equal_seconds"))(all.put("equal_seconds", _))
    val shown = all.putArray("groups")
    groups.foreach(group => shown.add(described(group, different, groups.find(group.isBaseline), equal)))
    all
  }

  private def described(
      group: Group,
      different: Seq[String],
      baseline: Option[Group],
      equal: Option[Double]
  ): ObjectNode = {
    val node = Json.mapper.createObjectNode().put("label", group.label)
    val settings = node.putObject("settings")
    group.labels.foreach { case (key, label) => settings.put(key, label) }
    val differs = node.putObject("differs")
    different.foreach(key => differs.set[JsonNode](key, group.settings.get(key)))
    val summed = summary(group, baseline)
    for (seconds <- equal; of <- Mean.of(group.done.flatMap(_.within(seconds))))
      put(summed.putObject("at_equal_seconds"), of)
    node.set[JsonNode]("summary", summed)
    val runs = node.putArray("runs")
    group.runs.foreach { run =>
      val shown = runs.addObject().put("seed", run.cell.config.seed.toString).put("command", run.cell.command)
      shown.put("status", run.line.fold("missing")(_.path("status").asText))
      shown.put("error", run.line.flatMap(line => Option(line.get("error"))).fold[String](null)(_.asText))
      shown.set[JsonNode]("points", run.line.fold[JsonNode](Json.mapper.createArrayNode())(_.path("points")))
    }
    node
  }

  private def put(node: ObjectNode, of: Mean): Unit = {
    node.put("mean", of.mean)
    of.sd.foreach(node.put("sd", _))
  }

  private def summary(group: Group, baseline: Option[Group]): ObjectNode = {
    val node = Json.mapper.createObjectNode().put("n", group.done.size)
    for (key <- Seq("accuracy", "best", "seconds")) {
      val shown = node.putObject(key)
      group.mean(key).foreach(put(shown, _))
    }
    for (key <- Seq("images_per_second", "bytes", "staleness")) group.mean(key).foreach(of => node.put(key, of.mean))
    val steadiness = group.done.flatMap(_.steadiness)
    Mean.of(steadiness.map(_._1)).foreach(of => node.put("steadiness", of.mean))
    steadiness.map(_._2).maxOption.foreach(node.put("drop", _))
    for (goal <- matrix.goal) {
      val reached = group.done.flatMap(_.reached(goal))
      val shown = node.putObject("to_goal").put("reached", reached.size)
      Mean.of(reached.map(_._1)).foreach(of => shown.put("seconds", of.mean))
      Mean.of(reached.map(_._2)).foreach(of => shown.put("samples", of.mean))
    }
    val time = node.putObject("time")
    for (part <- Seq("compute", "exchange", "rest"))
      Mean.of(group.done.flatMap(_.time(part))).foreach(of => time.put(part, of.mean))
    for (one <- baseline; own <- group.mean("images_per_second"); alone <- one.mean("images_per_second"))
      node.put("speed_up", own.mean / alone.mean)
    for {
      one <- baseline if one ne group
      (accuracy, seconds) <- group.mean("accuracy").zip(group.mean("seconds"))
      (ofOne, secondsOfOne) <- one.mean("accuracy").zip(one.mean("seconds"))
    } node.put("beats_one_machine", accuracy.mean > ofOne.mean && seconds.mean < secondsOfOne.mean)
    node
  }
}

private[compare] object ReportData {
  def of(sc: SparkContext, matrix: Matrix): ReportData = {
    val hardware = s"${Build.hardwareWords}, ${sc.master}"
    new ReportData(matrix, Map("firesteel" -> Build.version, "hardware" -> hardware, "spark" -> sc.version))
  }

  final case class Run(cell: PlannedCell, line: Option[ObjectNode])

  /** Runs that differ in their seeds only. */
  final class Group(val labels: Seq[(String, String)], val runs: Seq[Run]) {
    val label: String = if (labels.isEmpty) "all" else labels.map(Group.words.tupled).mkString(", ")

    /** Of the run, and of the cluster that is simulated. */
    val settings: ObjectNode = {
      val run = Json.mapper.readTree(runs.head.cell.config.toJson).asInstanceOf[ObjectNode]
      runs.head.cell.cluster.fold(run)(run.setAll[ObjectNode](_))
    }
    val done: Seq[RunSummary] = runs.flatMap(_.line).filter(_.path("status").asText == "done").map(new RunSummary(_))

    def mean(key: String): Option[Mean] = Mean.of(done.flatMap(_.number(key)))

    /** Whether `other` is one machine with the same net and data. */
    def isBaseline(other: Group): Boolean =
      other.settings.path("strategy").asText == "sequential" &&
        Seq("net", "data", "batch").forall(key => other.settings.get(key) == settings.get(key))
  }

  object Group {

    /** A number, true or false needs the name of its axis; a name says by itself what it is. */
    private val words = (axis: String, label: String) =>
      if (label.toDoubleOption.nonEmpty || label.toBooleanOption.nonEmpty) s"$axis $label" else label
  }

  /** The settings, besides those of the axes, in which completed configurations differ. */
  private def differing(groups: Seq[Group], axes: Set[String]): Seq[String] = {
    val keys = groups.flatMap(_.settings.fieldNames.asScala).distinct.sorted
    keys.filter(key => key != Cell.Seed && !axes(key) && groups.map(_.settings.get(key)).distinct.size > 1)
  }
}
