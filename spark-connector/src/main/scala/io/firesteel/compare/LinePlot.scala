// A plot of lines with bands as SVG, for papers and slides: what the report draws in a browser, without one. On white only.
package io.firesteel.compare

import java.math.MathContext

/** @param style the number of its colour, dashes and marker: that of its group, so that it looks the same in all plots */
private[compare] final case class PlotLine(label: String, style: Int, points: Seq[PlotPoint])

/** @param xTitle with the unit
  * @param lines each with at least one point
  */
private[compare] final case class LinePlot(xTitle: String, yTitle: String, lines: Seq[PlotLine]) {
  import LinePlot._

  private val xs = Scale(lines.flatMap(_.points.map(_.x)), Left, Width - Right)
  private val ys = Scale(lines.flatMap(_.points.flatMap(ends)), Height - Bottom, Top)

  def svg: String = {
    val height = Height + Row * lines.size
    val parts = xs.ticks.map(xTick) ++ ys.ticks.map(yTick) ++ titles ++ each(band) ++ each(line) ++ each(entry)
    val head =
      s"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $Width $height" width="$Width" height="$height" """ +
        s"""font-family="Helvetica, Arial, sans-serif" font-size="12" role="img" aria-label="${escaped(
            yTitle
          )} over ${escaped(xTitle)}">"""
    (head +: s"""<rect width="$Width" height="$height" fill="white"/>""" +: parts :+ "</svg>").mkString("", "\n", "\n")
  }

  private def each(draw: (PlotLine, Look) => String): Seq[String] =
    lines.map(line => draw(line, look(line.style))).filter(_.nonEmpty)

  private def titles = Seq(
    s"""<path d="M$Left,${Top}V${Height - Bottom}H${Width - Right}" fill="none" stroke="#444444"/>""",
    s"""<text x="${(Left + Width - Right) / 2}" y="${Height - 12}" text-anchor="middle">${escaped(xTitle)}</text>""",
    s"""<text transform="translate(16 ${(Top + Height - Bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(
        yTitle
      )}</text>"""
  )

  private def xTick(value: Double) = {
    val x = round(xs(value))
    s"""<path d="M$x,${Top}V${Height - Bottom}" stroke="#e2e2e2"/>""" +
      s"""<text x="$x" y="${Height - Bottom + 16}" text-anchor="middle">${number(value)}</text>"""
  }

  private def yTick(value: Double) = {
    val y = round(ys(value))
    s"""<path d="M$Left,${y}H${Width - Right}" stroke="#e2e2e2"/>""" +
      s"""<text x="${Left - 7}" y="$y" dy="0.35em" text-anchor="end">${number(value)}</text>"""
  }

  private def band(line: PlotLine, look: Look) =
    if (line.points.size < 2 || line.points.forall(_.sd.isEmpty)) ""
    else {
      val upper = line.points.map(point => at(point.x, ends(point).last))
      val lower = line.points.map(point => at(point.x, ends(point).head)).reverse
      s"""<path d="M${(upper ++ lower).mkString("L")}Z" fill="${look.colour}" fill-opacity="0.15"/>"""
    }

  private def line(line: PlotLine, look: Look) = {
    val every = math.max(1, (line.points.size + Marks - 1) / Marks)
    val marks = line.points.indices.filter(_ % every == look.style % every).map(line.points(_))
    val markers = marks.map { point =>
      s"""<path d="${look.marker}" transform="translate(${round(xs(point.x) - 4)} ${round(
          ys(point.y) - 4
        )}) scale(0.8)" fill="${look.colour}"/>"""
    }
    (stroke(line.points.map(point => at(point.x, point.y)).mkString("L"), look) +: markers).mkString("\n")
  }

  /** A row of the legend, below the plot. */
  private def entry(line: PlotLine, look: Look) = {
    val y = Height + 6 + Row * lines.indexOf(line)
    stroke(s"$Left,${y}L${Left + 36},$y", look) +
      s"""<path d="${look.marker}" transform="translate(${Left + 14} ${y - 4}) scale(0.8)" fill="${look.colour}"/>""" +
      s"""<text x="${Left + 46}" y="$y" dy="0.35em">${escaped(line.label)}</text>"""
  }

  private def at(x: Double, y: Double) = s"${round(xs(x))},${round(ys(y))}"
}

private[compare] object LinePlot {
  // In pixels, without the legend, and how far the axes are from the edges.
  private val Width = 640
  private val Height = 400
  private val Left = 64
  private val Right = 20
  private val Top = 14
  private val Bottom = 48
  private val Row = 18 // of the legend
  private val Marks = 8 // on a line, beside its dashes

  /** As in report.css and charts.js: no two lines of 140 look the same, and colour never tells them apart alone. */
  private val Colours = Seq("#0072b2", "#d55e00", "#00875f", "#b0568a", "#a87400", "#2f93cf", "#222222")
  private val Dashes = Seq("", "8 4", "2 3", "11 3 2 3")
  private val Markers = Seq(
    "M0,5a5,5,0,1,0,10,0a5,5,0,1,0,-10,0z",
    "M0.5,0.5h9v9h-9z",
    "M5,0L10,9.5H0z",
    "M5,-1L11,5L5,11L-1,5z",
    "M3.3,0h3.4v3.3H10v3.4H6.7V10H3.3V6.7H0V3.3h3.3z"
  )

  private final case class Look(style: Int, colour: String, dash: String, marker: String)

  private def look(i: Int) = Look(i, Colours(i % Colours.size), Dashes(i % Dashes.size), Markers(i % Markers.size))

  private def stroke(path: String, look: Look) =
    s"""<path d="M$path" fill="none" stroke="${look.colour}" stroke-width="1.8" stroke-dasharray="${look.dash}"/>"""

  private def ends(point: PlotPoint) = Seq(point.y - point.sd.getOrElse(0.0), point.y + point.sd.getOrElse(0.0))

  private def round(pixels: Double) = number(math.round(pixels * 10) / 10.0)

  private def number(value: Double) =
    BigDecimal(value).round(new MathContext(6)).bigDecimal.stripTrailingZeros.toPlainString

  private def escaped(text: String) =
    text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;")

  /** Numbers as pixels: from a round number below all to one above. */
  private final case class Scale(least: Double, step: Double, steps: Int, from: Int, to: Int) {
    def ticks: Seq[Double] = (0 to steps).map(i => least + i * step)

    def apply(value: Double): Double = from + (value - least) / (step * steps) * (to - from)
  }

  private object Scale {
    private val Steps = 5 // about as many, at least three

    def apply(values: Seq[Double], from: Int, to: Int): Scale = {
      val (least, most) = (values.min, values.max)
      val width = if (most > least) most - least else math.max(math.abs(most), 1)
      val power = math.pow(10, math.floor(math.log10(width / Steps)))
      val step = Seq(1, 2, 5, 10).map(_ * power).find(_ * Steps >= width * 0.999).get
      val start = math.floor(least / step + 1e-9)
      val steps = math.max(1, math.ceil(most / step - start - 1e-9).toInt)
      Scale(start * step, step, steps, from, to)
    }
  }
}
