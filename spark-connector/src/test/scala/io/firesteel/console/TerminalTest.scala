// When the terminal's width is looked up.
package io.firesteel.console

import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.SpanSugar._
import sun.misc.Signal

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.concurrent.atomic.AtomicInteger

class TerminalTest extends AnyFunSuite with Eventually {
  test("the width is looked up once for all lines, and again when the window's size has changed") {
    val (queries, bytes) = (new AtomicInteger, new ByteArrayOutputStream())
    val width = new Terminal.Width(() => Some(20 * queries.incrementAndGet()))
    val terminal = new Terminal.Live(new PrintStream(bytes, true, UTF_8), ProgressLine.Ascii, width)
    def shown: String = {
      bytes.reset()
      terminal.live("x" * _)
      bytes.toString(UTF_8)
    }
    for (_ <- 1 to 1000) assert(shown.count(_ == 'x') == 19) // the last column stays empty
    assert(queries.get == 1)
    Signal.raise(new Signal("WINCH"))
    eventually(timeout(1.minute))(assert(shown.count(_ == 'x') == 39)) // the JVM handles signals on another thread
    assert(queries.get == 2)
  }

  test("who was told before of the window's size, as a shell, still is") {
    val (told, first) = (new AtomicInteger, new Signal("WINCH"))
    val before = Signal.handle(first, _ => told.incrementAndGet())
    try {
      new Terminal.Width(() => None)
      Signal.raise(first)
      eventually(timeout(1.minute))(assert(told.get == 1))
    } finally Signal.handle(first, before)
  }

  test("a terminal that does not tell its width is taken to have 80 columns") {
    assert(new Terminal.Width(() => None).apply() == 80)
  }
}
