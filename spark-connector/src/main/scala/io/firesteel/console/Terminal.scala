// Shows a progress line on stderr, where that is a terminal. Each update overwrites the line before. Between updates
// the cursor stands at the start of the line, so that a log line or an error message, which others write to stderr
// without knowing of the progress line, replaces it instead of being appended to it.
package io.firesteel.console

import sun.misc.{Signal, SignalHandler}

import java.io.{File, FileDescriptor, FileOutputStream, IOException, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.Locale
import java.util.concurrent.atomic.{AtomicBoolean, AtomicReference}

/** Where a progress line is shown. */
private[firesteel] trait Terminal {

  /** The characters that the bar is drawn with: lines of Unicode if the locale's charset is UTF-8, else ASCII. */
  def glyphs: ProgressLine.Glyphs

  /** Replaces the progress line by `render(columns)`, which is at most `columns` characters long. */
  def live(render: Int => String): Unit

  /** Removes the progress line; to be called before anything else is printed. */
  def clear(): Unit
}

private[firesteel] object Terminal {

  /** Shows nothing: for output that goes to a file or a pipe. */
  object None extends Terminal {
    def glyphs: ProgressLine.Glyphs = ProgressLine.Ascii
    def live(render: Int => String): Unit = ()
    def clear(): Unit = ()
  }

  /** A terminal that understands the control sequence of ECMA-48 that erases the rest of a line, as all but
    * `TERM=dumb` do.
    */
  final class Live(out: PrintStream, val glyphs: ProgressLine.Glyphs, width: () => Int) extends Terminal {
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

  /** The number of columns. The JDK has no call for it, so `query` runs a program, which is too slow to do for every
    * line: the number is kept until the kernel says by the signal SIGWINCH that the window's size has changed.
    */
  final class Width(query: () => Option[Int]) extends (() => Int) {
    private val changed = new AtomicBoolean(true)
    @volatile private var columns = DefaultWidth
    private val others: AtomicReference[SignalHandler] = new AtomicReference(
      SignalHandler.SIG_IGN
    ) // a shell has its own
    others.set(Signal.handle(new Signal("WINCH"), onChange(_)))

    private def onChange(signal: Signal): Unit = {
      changed.set(true)
      val other = others.get
      if (other != SignalHandler.SIG_IGN && other != SignalHandler.SIG_DFL) other.handle(signal)
    }

    def apply(): Int = {
      if (changed.compareAndSet(true, false)) columns = query().getOrElse(DefaultWidth)
      columns
    }
  }

  private val EraseToEnd = "\u001b[K"
  private val DefaultWidth = 80

  /** The terminal that stderr is connected to, or None. `System.console` does not tell: it is null as soon as stdin or
    * stdout is redirected, also where stderr is a terminal.
    */
  def ofStderr(): Terminal = if (isTerminal("/proc/self/fd/2") && sys.env.get("TERM").exists(_ != "dumb")) {
    val utf8 = Seq("LC_ALL", "LC_CTYPE", "LANG")
      .flatMap(sys.env.get)
      .find(_.nonEmpty)
      .exists(_.toLowerCase(Locale.ROOT).replace("-", "").contains("utf8"))
    val out = new PrintStream(new FileOutputStream(FileDescriptor.err), false, UTF_8)
    new Live(out, if (utf8) ProgressLine.Unicode else ProgressLine.Ascii, new Width(() => sttyColumns()))
  } else None

  private def isTerminal(fd: String): Boolean =
    try {
      val target = Files.readSymbolicLink(Path.of(fd)).toString
      target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target == "/dev/console"
    } catch { case _: IOException => false } // no /proc, or a closed descriptor

  /** The columns of the controlling terminal; `stty size` prints its rows and columns. */
  private def sttyColumns(): Option[Int] =
    try {
      val stty = new ProcessBuilder("stty", "size").redirectInput(new File("/dev/tty")).start()
      new String(stty.getInputStream.readAllBytes(), UTF_8).trim
        .split(' ')
        .lastOption
        .flatMap(_.toIntOption)
        .filter(_ > 0)
    } catch { case _: IOException => scala.None } // no stty, or no controlling terminal
}
