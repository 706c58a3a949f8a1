// The line that shows how far a run is, computed from a state and a width. The usual library (me.tongfei:progressbar) depends
// on jline, of which Spark has two other versions. It would have to be shaded, and then its service files and native code
// do not work.
package io.firesteel.console

import java.util.Locale

private[firesteel] object ProgressLine {

  /** How far a run is.
    *
    * @param unit of `done` and `all`: round or minibatch
    * @param loss training loss of the last unit
    * @param accuracy of the last evaluation
    * @param seconds since training began
    */
  final case class State(
      unit: String,
      done: Long,
      all: Long,
      loss: Double,
      accuracy: Option[Double],
      imagesPerSecond: Double,
      seconds: Double
  )

  /** The characters of the bar for what is done and what is ahead. */
  final case class Glyphs(done: Char, ahead: Char)

  val Unicode: Glyphs = Glyphs('━', '┈')
  val Ascii: Glyphs = Glyphs('=', '.')

  private val Bars = Seq(30, 20, 10, 0) // columns of the bar, tried in turn: it gets shorter before words are left out

  /** A line of at most `width` columns; what does not fit is left out, the least important first. */
  def line(state: State, width: Int, glyphs: Glyphs): String = {
    val share = if (state.all > 0) (state.done.toDouble / state.all).min(1.0) else 1.0
    val words = Seq(
      Some(text("%3.0f %%", share * 100)),
      Some(s"${state.unit} ${state.done}/${state.all}"),
      Some(s"loss ${loss(state.loss)}"),
      state.accuracy.map(value => s"accuracy ${percent(value)}"),
      Some(s"${duration(state.seconds / state.done.max(1) * (state.all - state.done))} left"),
      Some(rate(state.imagesPerSecond))
    ).flatten
    val lines =
      Bars.iterator.map(columns => (bar(share, columns, glyphs) +: words).filter(_.nonEmpty).mkString("  ")) ++
        (words.length - 1 to 1 by -1).iterator.map(words.take(_).mkString("  "))
    lines.find(_.length <= width).getOrElse("")
  }

  private def bar(share: Double, columns: Int, glyphs: Glyphs): String = {
    val done = (share * columns).toInt
    glyphs.done.toString * done + glyphs.ahead.toString * (columns - done)
  }

  /** A duration as text: 8.3 s, 4 min 05 s, 2 h 03 min. */
  def duration(seconds: Double): String = {
    val whole = seconds.round
    if (seconds < 59.95) text("%.1f s", seconds)
    else if (whole < 3600) text("%d min %02d s", whole / 60, whole % 60)
    else text("%d h %02d min", whole / 3600, whole % 3600 / 60)
  }

  def percent(fraction: Double): String = text("%.2f %%", fraction * 100)

  def loss(value: Double): String = text("%.4f", value)

  /** With a decimal where few are a second, as of a large net or of a single image. */
  def rate(imagesPerSecond: Double): String =
    text(if (imagesPerSecond < 10) "%.1f images/s" else "%.0f images/s", imagesPerSecond)

  private def text(format: String, values: Any*): String = format.formatLocal(Locale.ROOT, values: _*)
}
