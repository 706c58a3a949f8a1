// The report of a comparison: one HTML file with style, scripts, the charts' library and the data in it, which a browser
// shows without a network. The page itself is in the resources beside this class.
package io.firesteel.compare

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.Json
import java.nio.charset.StandardCharsets.UTF_8
import scala.util.Using
import scala.util.matching.Regex

private[compare] object Report {
  private val Styles = Seq("report.css", "tables.css")

  /** In the order in which they need each other. */
  private val Scripts =
    Seq("format", "curves", "charts", "plots", "sweep", "tables", "runs", "choices", "sections", "report").map(
      _ + ".js"
    )

  /** Apache ECharts 6.1.0, the build "common", as npm's package has it. */
  private[compare] val Library = "echarts.common.min.js"

  private val Place = "\\{\\{(\\w+)\\}\\}".r

  /** @param data as [[ReportData]] makes it */
  def html(data: ObjectNode): String = {
    val parts = Map(
      "style" -> Styles.map(resource).mkString("\n"),
      "charts" -> resource(Library),
      "script" -> Scripts.map(resource).mkString("\n"),
      "data" -> script(Compact(data))
    )
    Place.replaceAllIn(resource("report.html"), found => Regex.quoteReplacement(parts(found.group(1))))
  }

  /** JSON that can stand in a script element: no text in it ends the element or a line of the script. */
  private def script(data: ObjectNode): String = Json.mapper
    .writeValueAsString(data)
    .replace("<", "\\u003c")
    .replace("\u2028", "\\u2028")
    .replace("\u2029", "\\u2029")

  private[compare] def resource(name: String): String =
    Using.resource(getClass.getResourceAsStream(name))(stream => new String(stream.readAllBytes, UTF_8))
}
