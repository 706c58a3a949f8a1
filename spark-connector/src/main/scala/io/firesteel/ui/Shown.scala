// Numbers and times as the pages of the web UI show them. What is not known is empty.
package io.firesteel.ui

import java.time.format.DateTimeFormatter
import java.time.{Instant, ZoneId}
import java.util.Locale

private[ui] object Shown {
  private val Format = DateTimeFormatter.ofPattern("yyyy/MM/dd HH:mm:ss", Locale.ROOT)

  /** In the time zone of the process, as Spark's own pages. */
  def date(millis: Long): String = Format.format(Instant.ofEpochMilli(millis).atZone(ZoneId.systemDefault))

  def duration(seconds: Double): String =
    if (!isKnown(seconds)) ""
    else if (seconds < 60) s"${fixed("%.1f", seconds)} s"
    else {
      val whole = math.round(seconds)
      val (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
      if (hours > 0) s"$hours h ${fixed("%02d", minutes)} min" else s"$minutes min ${fixed("%02d", rest)} s"
    }

  /** Rounds done, and of how many. */
  def rounds(run: RunView): String = {
    val done = run.progress.rounds.toLong
    if (run.about.rounds > 0) s"$done / ${run.about.rounds}" else ""
  }

  def number(value: Double): String = if (isKnown(value)) fixed("%.4f", value) else ""
  def percent(fraction: Double): String = if (isKnown(fraction)) s"${fixed("%.2f", 100 * fraction)} %" else ""
  def whole(value: Double): String = if (isKnown(value)) fixed("%,d", math.round(value)) else ""

  /** Seconds of something short, as milliseconds. */
  def millis(seconds: Double): String = if (isKnown(seconds)) s"${fixed("%,.1f", 1000 * seconds)} ms" else ""

  def bytes(count: Long): String =
    if (count >= 1000000000) s"${fixed("%.2f", count / 1e9)} GB"
    else if (count >= 1000000) s"${fixed("%.1f", count / 1e6)} MB"
    else s"${fixed("%.1f", count / 1e3)} kB"

  private def isKnown(value: Double): Boolean = java.lang.Double.isFinite(value)
  private def fixed(pattern: String, value: Any): String = pattern.formatLocal(Locale.ROOT, value)
}
