// What a command may write to.
package io.firesteel.driver.console

import java.io.PrintStream

/** Where a command writes: results to `out`, failures to `err`, live lines to `terminal`. Nothing printed here can act on
  * a terminal or forge a line, whatever text from outside is in it.
  */
final class Console private (val out: EscapedStream, val err: EscapedStream, val terminal: Terminal)

object Console {
  def apply(out: PrintStream, err: PrintStream, terminal: Terminal): Console =
    new Console(new EscapedStream(out), new EscapedStream(err), terminal)
}
