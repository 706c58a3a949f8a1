// What a command may write to.
package io.firesteel.driver.console

import io.firesteel.console.{Escape, Terminal}

import java.io.PrintStream
import java.nio.charset.StandardCharsets.UTF_8

/** The streams of a command: results go to `out`, failures to `err`, the progress line to `terminal`. Control
  * characters are escaped, so that text from outside can neither control the terminal nor fake a line of output.
  */
final class Console private (val out: EscapedStream, val err: EscapedStream, val terminal: Terminal)

object Console {
  def apply(out: PrintStream, err: PrintStream, terminal: Terminal): Console =
    new Console(new EscapedStream(out), new EscapedStream(err), terminal)
}

/** A stream that escapes each text that is printed; a line only ends where the caller ends it. */
final class EscapedStream(to: PrintStream) extends PrintStream(to, false, UTF_8) { // `to` encodes the texts

  /** All other methods of PrintStream for text and objects call this one or `println`. */
  override def print(text: String): Unit = to.print(Escape.escaped(String.valueOf(text)))

  override def println(text: String): Unit = to.println(Escape.escaped(String.valueOf(text)))
}
