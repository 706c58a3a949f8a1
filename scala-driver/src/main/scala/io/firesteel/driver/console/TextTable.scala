// Tables of text whose columns are aligned on a terminal, also where names are not in Latin letters.
package io.firesteel.driver.console

import java.lang.Character.{ENCLOSING_MARK, FORMAT, NON_SPACING_MARK}

object TextTable {
  private val Clipped = ".." // at the end of a text that is cut

  /** The cells of each line in columns as wide as they need to be.
    *
    * @param lines each with the same number of cells
    * @param left the first columns, which are aligned to the left; the others are aligned to the right
    * @param gap spaces between two columns
    */
  def lines(lines: Seq[Seq[String]], left: Int, gap: Int): Seq[String] = {
    val widths = lines.transpose.map(_.map(columns).max)
    lines.map { cells =>
      val padded = cells.zip(widths).zipWithIndex.map { case ((cell, width), at) =>
        val room = " " * (width - columns(cell))
        if (at < left) cell + room else room + cell
      }
      padded.mkString(" " * gap).stripTrailing
    }
  }

  /** `text`, or as much of its beginning as fits `width` columns with two dots after it. */
  def clipped(text: String, width: Int): String =
    if (columns(text) <= width) text
    else {
      val ends = text.codePoints.toArray.scanLeft(0)(_ + Character.charCount(_))
      ends.map(text.substring(0, _)).filter(columns(_) + Clipped.length <= width).last + Clipped
    }

  /** The columns that `text` takes on a terminal. */
  def columns(text: String): Int = text.codePoints.map(columns(_: Int)).sum

  private def columns(codePoint: Int): Int = Character.getType(codePoint).toByte match {
    case NON_SPACING_MARK | ENCLOSING_MARK | FORMAT                                   => 0
    case _ if Wide.exists { case (from, to) => from <= codePoint && codePoint <= to } => 2
    case _                                                                            => 1
  }

  /** The blocks whose characters take two columns: those of East Asian writing and pictures, as most terminals take
    * Unicode Standard Annex 11.
    */
  private val Wide = Seq(
    0x1100 -> 0x115f,
    0x2e80 -> 0xa4cf,
    0xa960 -> 0xa97f,
    0xac00 -> 0xd7a3,
    0xf900 -> 0xfaff,
    0xfe30 -> 0xfe6f,
    0xff00 -> 0xff60,
    0xffe0 -> 0xffe6,
    0x1f300 -> 0x1f64f,
    0x1f900 -> 0x1f9ff,
    0x20000 -> 0x3fffd
  )
}
