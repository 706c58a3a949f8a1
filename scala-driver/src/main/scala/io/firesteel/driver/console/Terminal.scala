// The terminal below stderr, if there is one: a live line that is written again and again, and its width.
// The cursor rests at the start of the live line, so that whatever else writes to stderr writes over it.
package io.firesteel.driver.console

import java.io.{FileDescriptor, FileOutputStream, IOException, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

/** Where live lines go. */
trait Terminal {

  /** The characters that can be shown. */
  def glyphs: ProgressDisplay.Glyphs

  /** Shows the line that `render` makes for a width in columns, in place of the last one. */
  def live(render: Int => String): Unit

  /** Takes the live line away. */
  def clear(): Unit
}

object Terminal {

  /** Shows nothing: for output that goes to a file or a pipe. */
  object None extends Terminal {
    def glyphs: ProgressDisplay.Glyphs = ProgressDisplay.Ascii
    def live(render: Int => String): Unit = ()
    def clear(): Unit = ()
  }

  /** A terminal that understands ECMA-48's "erase in line". */
  final class Live(out: PrintStream, val glyphs: ProgressDisplay.Glyphs, width: () => Int) extends Terminal {
    private var shown = false

    def live(render: Int => String): Unit = {
      val line = render(width() - 1) // a character in the last column would wrap
      out.print(s"\r${Escape.escaped(line)}$EraseToEnd\r")
      out.flush()
      shown = true
    }

    def clear(): Unit = if (shown) {
      out.print(s"\r$EraseToEnd")
      out.flush()
      shown = false
    }
  }

  private val EraseToEnd = "\u001b[K"
  private val DefaultWidth = 80

  /** The terminal stderr is connected to, or None. The JDK knows a console only where stdin is one too. */
  def ofStderr(): Terminal = if (isTerminal("/proc/self/fd/2") && sys.env.get("TERM").exists(_ != "dumb")) {
    val utf8 = Seq("LC_ALL", "LC_CTYPE", "LANG")
      .flatMap(sys.env.get)
      .find(_.nonEmpty)
      .exists(_.toLowerCase.replace("-", "").contains("utf8"))
    val out = new PrintStream(new FileOutputStream(FileDescriptor.err), false, UTF_8)
    new Live(out, if (utf8) ProgressDisplay.Unicode else ProgressDisplay.Ascii, () => width)
  } else None

  private def isTerminal(fd: String): Boolean =
    try {
      val target = Files.readSymbolicLink(Path.of(fd)).toString
      target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target == "/dev/console"
    } catch { case _: IOException => false } // no /proc, or a descriptor that is closed

  /** Asked each time anew, because windows change their size; `stty` answers in about a millisecond. */
  private def width: Int =
    try {
      val stty = new ProcessBuilder("stty", "size").redirectInput(new java.io.File("/dev/tty")).start()
      new String(stty.getInputStream.readAllBytes(), UTF_8).trim
        .split(' ')
        .lastOption
        .flatMap(_.toIntOption)
        .filter(_ > 0)
        .getOrElse(DefaultWidth)
    } catch { case _: IOException => DefaultWidth } // no stty, or no controlling terminal
}
