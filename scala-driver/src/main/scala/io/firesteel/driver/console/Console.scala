// What a command may write to.
package io.firesteel.driver.console

import java.io.PrintStream

/** The streams of a command: results go to `out`, failures to `err`, the progress line to `terminal`. Control
  * characters are escaped, so that text from outside can neither control the terminal nor fake a line of output.
  */
final class Console private (val out: EscapedStream, val err: EscapedStream, val terminal: Terminal)

object Console {
  def apply(out: PrintStream, err: PrintStream, terminal: Terminal): Console =
    new Console(new EscapedStream(out), new EscapedStream(err), terminal)
}
