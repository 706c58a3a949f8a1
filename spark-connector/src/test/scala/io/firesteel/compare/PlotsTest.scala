// The plots of a comparison as SVG files.
package io.firesteel.compare

import com.fasterxml.jackson.databind.node.ObjectNode
import java.io.StringReader
import javax.xml.parsers.DocumentBuilderFactory
import org.scalatest.funsuite.AnyFunSuite
import org.xml.sax.InputSource

class PlotsTest extends AnyFunSuite {
  private def parse(svg: String) =
    DocumentBuilderFactory.newInstance.newDocumentBuilder
      .parse(new InputSource(new StringReader(svg)))
      .getDocumentElement

  private def texts(svg: String): Seq[String] = {
    val found = parse(svg).getElementsByTagName("text")
    (0 until found.getLength).map(found.item(_).getTextContent)
  }

  test("each measure of effort and each axis of numbers has its plot") {
    val names = Plots.svgs(SampleReport.data(groups = 20, seeds = 2, points = 9)).keySet
    val efforts = Set("samples", "seconds", "virtual", "bytes").map(effort => s"accuracy-$effort.svg")
    assert(names == efforts ++ Set("accuracy-by-tau.svg", "accuracy-by-workers.svg"))
  }

  test("a group that exchanges nothing has no line over the bytes") {
    val svgs = Plots.svgs(SampleReport.data(groups = 4, seeds = 2, points = 9))
    assert(texts(svgs("accuracy-samples.svg")).contains("strategy sequential, tau 1, workers 2"))
    assert(!texts(svgs("accuracy-bytes.svg")).contains("strategy sequential, tau 1, workers 2"))
  }

  test("a label is text, whatever is in it") {
    val data = SampleReport.data(groups = 1, seeds = 1, points = 3)
    data.get("groups").get(0).asInstanceOf[ObjectNode].put("label", "a < b & \"c\"")
    assert(texts(Plots.svgs(data)("accuracy-seconds.svg")).contains("a < b & \"c\""))
  }

  test("the marks of an axis are round numbers that enclose the values") {
    val points = Seq(PlotPoint(0, 61.3, Some(2)), PlotPoint(40, 74.9, Some(1)))
    val marks = texts(LinePlot("x", "y", Seq(PlotLine("line", 0, points))).svg)
    assert(
      marks.containsSlice(Seq("0", "10", "20", "30", "40")) && marks.containsSlice(
        Seq("55", "60", "65", "70", "75", "80")
      )
    )
  }

  test("a single point has a plot, too") {
    val svg = LinePlot("x", "y", Seq(PlotLine("line", 0, Seq(PlotPoint(3, 3, None))))).svg
    assert(!svg.contains("NaN") && !svg.contains("Infinity"))
    parse(svg)
  }

  test("the mean of curves is taken at their own points if all have the same, else in between") {
    val same = MeanCurve.of(Seq(Vector(0.0 -> 1.0, 2.0 -> 3.0), Vector(0.0 -> 3.0, 2.0 -> 3.0)))
    assert(same == Seq(PlotPoint(0, 2, Some(math.sqrt(2))), PlotPoint(2, 3, Some(0))))
    val other = MeanCurve.of(Seq(Vector(0.0 -> 0.0, 4.0 -> 4.0), Vector(1.0 -> 1.0, 2.0 -> 2.0, 5.0 -> 5.0)))
    assert(other.map(point => (point.x, point.y)) == Seq((1.0, 1.0), (2.5, 2.5), (4.0, 4.0)))
  }

  test("of several evaluations at the same effort the last one counts") {
    assert(MeanCurve.rising(Seq(0.0 -> 1.0, 0.0 -> 2.0, 1.0 -> 3.0)) == Vector(0.0 -> 2.0, 1.0 -> 3.0))
  }
}
