// The results of a comparison as a table for spreadsheets, and for papers that are written in LaTeX.
package io.firesteel.compare

import com.fasterxml.jackson.databind.JsonNode
import java.util.Locale
import scala.jdk.CollectionConverters._

private[compare] object SummaryTable {

  /** A line for each group of runs; numbers as they are, accuracies as fractions. */
  def csv(data: JsonNode): String = {
    val axes = keys(data)
    val columns =
      Seq("n", "accuracy", "accuracy_sd", "best", "best_sd", "steadiness", "drop") ++
        Seq("at_equal_seconds", "at_equal_seconds_sd", "seconds", "seconds_sd") ++
        Seq("images_per_second", "speed_up", "bytes", "staleness", "goal_reached", "seconds_to_goal", "samples_to_goal")
    val rows = data.get("groups").elements.asScala.map { group =>
      val summary = group.get("summary")
      def of(path: String*) = path.foldLeft[JsonNode](summary)(_ path _).asText("")
      axes.map(group.get("settings").path(_).asText) ++ Seq(
        of("n"),
        of("accuracy", "mean"),
        of("accuracy", "sd"),
        of("best", "mean"),
        of("best", "sd"),
        of("steadiness"),
        of("drop"),
        of("at_equal_seconds", "mean"),
        of("at_equal_seconds", "sd"),
        of("seconds", "mean"),
        of("seconds", "sd"),
        of("images_per_second"),
        of("speed_up"),
        of("bytes"),
        of("staleness"),
        of("to_goal", "reached"),
        of("to_goal", "seconds"),
        of("to_goal", "samples")
      )
    }
    ((axes ++ columns) +: rows.toSeq).map(_.map(cell).mkString(",")).mkString("", "\n", "\n")
  }

  /** A `tabular` with the axes, the accuracy in per cent with its standard deviation, seconds, and images a second. */
  def tex(data: JsonNode): String = {
    val axes = keys(data)
    val head = (axes.map(escaped) ++ Seq("$n$", "accuracy (\\%)", "seconds", "images/s")).mkString(" & ")
    val rows = data.get("groups").elements.asScala.map { group =>
      val summary = group.get("summary")
      val numbers = Seq(
        summary.path("n").asText,
        spread(summary.path("accuracy"), 100, 2),
        spread(summary.path("seconds"), 1, 1),
        number(summary.path("images_per_second"), 1, 0)
      )
      (axes.map(key => escaped(group.get("settings").path(key).asText)) ++ numbers).mkString(" & ") + " \\\\"
    }
    val columns = "l" * axes.size + "rrrr"
    (Seq(s"\\begin{tabular}{$columns}", "\\hline", s"$head \\\\", "\\hline") ++ rows ++
      Seq("\\hline", "\\end{tabular}")).mkString("", "\n", "\n")
  }

  private def keys(data: JsonNode): Seq[String] = data.get("axes").elements.asScala.map(_.get("key").asText).toSeq

  private def number(value: JsonNode, times: Double, digits: Int): String =
    if (value.isNumber) String.format(Locale.ROOT, s"%.${digits}f", Double.box(value.asDouble * times)) else ""

  private def spread(of: JsonNode, times: Double, digits: Int): String = {
    val (mean, sd) = (number(of.path("mean"), times, digits), number(of.path("sd"), times, digits))
    if (sd.isEmpty) mean else s"$$$mean \\pm $sd$$"
  }

  /** RFC 4180: a text with commas, quotes or line breaks stands in quotes. */
  private def cell(text: String): String =
    if (text.exists(",\"\n\r".contains(_))) s"\"${text.replace("\"", "\"\"")}\"" else text

  private def escaped(text: String): String = text.flatMap {
    case '\\'                                       => "\\textbackslash{}"
    case char if "&%$#_{}".indexOf(char.toInt) >= 0 => s"\\$char"
    case char                                       => char.toString
  }
}
