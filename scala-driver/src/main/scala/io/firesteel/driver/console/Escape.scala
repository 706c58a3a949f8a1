// Text from outside, a path or an option say, made fit to be shown: a control character in it could forge a line of
// output, or tell the terminal to do something. The same function as rust-core/exchange/src/escape.rs.
package io.firesteel.driver.console

import java.io.PrintStream

object Escape {

  /** `text` with every character that is not shown as itself written as in a Rust literal: `\n`, `\u{1b}`. Backslashes
    * stay as they are, so this is for people and cannot be read back.
    */
  def escaped(text: String): String =
    if (!text.exists(acts)) text
    else
      text.flatMap {
        case '\n'         => "\\n"
        case '\r'         => "\\r"
        case '\t'         => "\\t"
        case c if acts(c) => s"\\u{${c.toInt.toHexString}}"
        case c            => c.toString
      }

  /** Whether a terminal or an editor obeys the character: ASCII's and ISO 6429's controls, Unicode's line ends, and the
    * marks that reverse the order of what follows (Unicode Standard Annex 9, section 2). All are single UTF-16 units.
    */
  private def acts(c: Char): Boolean =
    c.isControl || c == '\u061c' || c == '\u200e' || c == '\u200f' || c >= '\u2028' && c <= '\u202e' ||
      c >= '\u2066' && c <= '\u2069'
}

/** A stream of lines: each text that is printed is escaped, and the ends of lines are the caller's alone. */
final class EscapedStream(to: PrintStream) extends PrintStream(to) {

  /** Where every other way of printing a text or an object ends, but the next one. */
  override def print(text: String): Unit = to.print(Escape.escaped(String.valueOf(text)))

  override def println(text: String): Unit = to.println(Escape.escaped(String.valueOf(text)))
}
