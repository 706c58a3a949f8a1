// Escapes control characters in text from outside, such as a path or an option, before it is shown: they could fake a
// line of output, or control the terminal. The same function as rust-core/exchange/src/escape.rs.
package io.firesteel.console

import java.util.Locale

private[firesteel] object Escape {

  /** `text` with control characters written as in a Rust literal: `\n`, `\u{1b}`. Backslashes are not escaped, so this
    * is for people and cannot be parsed.
    */
  def escaped(text: String): String =
    if (!text.exists(isControl)) text
    else
      text.flatMap {
        case '\n'              => "\\n"
        case '\r'              => "\\r"
        case '\t'              => "\\t"
        case c if isControl(c) => s"\\u{${c.toInt.toHexString}}"
        case c                 => c.toString
      }

  /** JSON in which the same characters are escaped as JSON has it, so that it can still be parsed. In JSON of one line
    * they occur in strings only.
    */
  def escapedJson(json: String): String =
    if (!json.exists(isControl)) json
    else json.flatMap(c => if (isControl(c)) "\\u%04x".formatLocal(Locale.ROOT, c.toInt) else c.toString)

  /** Whether the character controls a terminal or an editor: the control characters of ASCII and ISO 6429, Unicode's
    * line separators, and the marks that change the direction of text (Unicode Standard Annex 9, section 2). Each is
    * one UTF-16 unit.
    */
  private def isControl(c: Char): Boolean =
    c.isControl || c == '\u061c' || c == '\u200e' || c == '\u200f' || c >= '\u2028' && c <= '\u202e' ||
      c >= '\u2066' && c <= '\u2069'
}
