// The report of a comparison as a file; how it looks is looked at in a browser.
package io.firesteel.compare

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.Json
import java.nio.charset.StandardCharsets.UTF_8
import java.security.MessageDigest
import java.util.HexFormat
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._

class ReportTest extends AnyFunSuite {
  private val Data = "(?s)<script type=\"application/json\" id=\"data\">(.*?)</script>".r

  /** What the page's scripts read. */
  private def dataOf(page: String): JsonNode = Json.mapper.readTree(Data.findFirstMatchIn(page).get.group(1))

  private def runs(page: String): Seq[JsonNode] =
    dataOf(page).get("groups").elements.asScala.flatMap(_.get("runs").elements.asScala).toSeq

  private def page(data: ObjectNode): String = Report.html(data)

  test("the page has no link to anything outside of it, and forbids the browser to fetch any") {
    val html = page(SampleReport.data(groups = 2, seeds = 1, points = 5))
    assert(
      "(?i)<(link|img|iframe|object|embed|base)\\b|\\bsrc=|@import|url\\(".r
        .findFirstIn(html.replace(library, ""))
        .isEmpty
    )
    assert(html.contains("default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"))
    assert("\\{\\{\\w+\\}\\}".r.findFirstIn(html.replace(library, "")).isEmpty)
  }

  test("no text of the data can end its script element, and all of it arrives") {
    val data = SampleReport.data(groups = 1, seeds = 1, points = 2)
    val text = "</script><script>alert(1)</script><!-- {{style}} $1 \\ \u2028\u2029 \u00e4"
    data.put("name", text)
    val html = page(data)
    assert(dataOf(html).get("name").asText == text)
    assert(!html.contains("alert(1)</script>") && html.indexOf('\u2028') < 0)
    assert("</script>".r.findAllIn(html).size == 3)
  }

  test("a run has at most 1,000 points, the first and the last among them") {
    val kept = runs(page(SampleReport.data(groups = 1, seeds = 2, points = 4321))).map(_.get("points"))
    assert(kept.map(_.size) == Seq(1000, 1000))
    assert(kept.forall(points => points.get(0).get(0).asLong == 1000 && points.get(999).get(0).asLong == 4_321_000))
    val samples = kept.head.elements.asScala.map(_.get(0).asLong).toSeq
    assert(samples == samples.distinct.sorted)
  }

  test("200 runs of 1,000 points, failures with long errors among them, make a page below 2 MB") {
    val data = SampleReport.data(groups = 67, seeds = 3, points = 1000)
    val html = page(data)
    assert(runs(html).size == 201)
    assert(html.getBytes(UTF_8).length < 2_000_000)
  }

  test("numbers keep six digits, whole numbers all, and those that are not finite become null") {
    val data = SampleReport.data(groups = 1, seeds = 1, points = 2)
    data.put("goal", 0.123456789).put("big", 1.23456789e12).put("whole", 123456789L).put("loss", Double.NaN)
    val read = dataOf(page(data))
    assert(read.get("goal").asDouble == 0.123457 && read.get("big").asDouble == 1.23457e12)
    assert(read.get("whole").asLong == 123456789L && read.get("loss").isNull)
  }

  test("the data that is given stays as it is") {
    val data = SampleReport.data(groups = 1, seeds = 1, points = 3000)
    val before = data.deepCopy()
    page(data)
    assert(data == before)
  }

  test("ECharts is the file that npm's package echarts 6.1.0 has, with its licence at its head") {
    val digest = MessageDigest.getInstance("SHA-256").digest(library.getBytes(UTF_8))
    assert(HexFormat.of.formatHex(digest) == "61f13280aba3161f77fc801bf5f9c786f55f10432153a0683fc5cc0700b013d5")
    assert(library.contains("Licensed to the Apache Software Foundation") && !library.contains("</script"))
  }

  private lazy val library = Report.resource(Report.Library)
}
