// The Scala compiler of the Spark distribution as an interpreter of cells. What a cell defines becomes classes in a directory from
// which Spark's executors load them, as with spark-shell.
package io.firesteel.notebook

import java.io.{PrintWriter, StringWriter}
import java.nio.file.Path
import scala.tools.nsc.GenericRunnerSettings
import scala.tools.nsc.interpreter.shell.{ReplCompletion, ReplReporterImpl}
import scala.tools.nsc.interpreter.{IMain, Results}

/** How a cell ended. */
private[notebook] sealed trait Outcome

private[notebook] object Outcome {

  /** @param text what the interpreter says of its definitions and of its value */
  final case class Success(text: String) extends Outcome

  /** @param name of the error, as its class */
  final case class Failed(name: String, message: String, trace: Seq[String]) extends Outcome
}

/** @param classes the directory for compiled cells, Spark's `spark.repl.class.outputDir`
  * @param jars those that the application was given beside Spark's own
  * @param parent a loader with these jars
  */
private[notebook] final class Interpreter(classes: Path, jars: Seq[String], parent: ClassLoader) {
  private val said = new StringWriter
  private val settings = new GenericRunnerSettings(message => throw new IllegalArgumentException(message))
  settings.processArguments(List("-Yrepl-class-based", "-Yrepl-outdir", classes.toString), processAll = true)
  settings.classpath.value = jars.mkString(java.io.File.pathSeparator)
  settings.usejavacp.value = true
  private val main = new IMain(settings, new ReplReporterImpl(settings, new PrintWriter(said))) {
    override protected def parentClassLoader: ClassLoader = parent // else it would load the jars' classes once more
  }
  main.initializeCompiler()
  private val completion = new ReplCompletion(main)

  /** Runs a cell on this thread, whose loader of classes is from now on the interpreter's. */
  def run(code: String): Outcome = {
    Thread.currentThread.setContextClassLoader(main.classLoader)
    said.getBuffer.setLength(0)
    val before = lastException
    val result = main.withLabel(Interpreter.Label)(main.interpret(Interpreter.Outer + code))
    main.reporter.out.flush()
    val text = Interpreter.numbered(said.toString.linesIterator.dropWhile(_.isBlank).mkString("\n").stripTrailing)
    result match {
      case Results.Success    => Outcome.Success(text)
      case Results.Incomplete => Outcome.Failed("CompileError", "the cell ends within an expression", Nil)
      case Results.Error      =>
        lastException.filterNot(before.contains) match {
          case Some(thrown) => Interpreter.thrown(thrown)
          case None         =>
            val lines = text.linesIterator.toSeq
            Outcome.Failed(
              "CompileError",
              lines.find(_.contains("error:")).getOrElse("").replaceFirst(".*error: ", ""),
              lines
            )
        }
    }
  }

  /** What may stand at `cursor`: where the word begins that it replaces, and the names. */
  def complete(code: String, cursor: Int): (Int, Seq[String]) = {
    val found = completion.complete(code, cursor, filter = true)
    (found.cursor, found.candidates.map(_.name).filter(_.nonEmpty).distinct)
  }

  private def lastException: Option[Throwable] = main.valueOfTerm("lastException").collect { case e: Throwable => e }
}

private[notebook] object Interpreter {
  private val Label = "cell" // in place of a file's name in traces

  /** A line before the cell's own. The classes of a cell are inner ones, and Spark, to make their objects, looks for the outer
    * object: it finds it by itself once the cell has ended, but the cell may use its classes, too.
    */
  private val Outer = "org.apache.spark.sql.catalyst.encoders.OuterScopes.addOuterScope(this)\n"
  private val Line = s"\\b$Label:(\\d+)".r

  private val Frames = 6 // of a trace in a row that are shown
  private val Frame = """\s+at .*""".r
  private val Cell = """\$line\d+\.\$read(\$\$iw|\$)*\.?(<init>)?""".r // the classes in which a cell's lines stand
  private val Driver = "Driver stacktrace:" // before the frames of Spark's scheduler

  /** Frames that every cell has, and how many are left out of a cause. */
  private val Plumbing = Seq(
    """\$line\d+\.(\$eval|\$read\.<init>|\$read\$\.<clinit>)""",
    """(java\.base/)?(java\.lang\.reflect|jdk\.internal|java\.util\.concurrent|java\.lang\.Thread)\.""",
    """scala\.(tools\.nsc|reflect\.internal\.util|Console\$|util\.DynamicVariable)""",
    """io\.firesteel\.notebook\.(Interpreter|Cells|Kernel)"""
  ).mkString("""\s+(at (""", "|", """).*|\.\.\. \d+ more)""").r

  /** With the numbers that the lines have in the cell. */
  private def numbered(text: String): String = Line.replaceAllIn(text, found => s"$Label:${found.group(1).toInt - 1}")

  /** An exception with a trace of the cell's frames that is short enough to be read. */
  def thrown(e: Throwable): Outcome.Failed = {
    val written = new StringWriter
    e.printStackTrace(new PrintWriter(written, true))
    val lines =
      withoutDriver(written.toString.linesIterator.toList)
        .filterNot(Plumbing.matches)
        .map(line => numbered(Cell.replaceAllIn(line, "")))
    val short = lines.indices.collect {
      case at if framesBefore(lines, at) < Frames  => lines(at)
      case at if framesBefore(lines, at) == Frames => "\t..."
    }
    val message = Option(e.getMessage).flatMap(_.linesIterator.nextOption()).getOrElse("")
    Outcome.Failed(e.getClass.getSimpleName, message, short)
  }

  private def withoutDriver(lines: List[String]): List[String] = {
    val (before, from) = lines.span(!_.startsWith(Driver))
    before.reverse.dropWhile(_.isBlank).reverse ++ from.drop(1).dropWhile(Frame.matches(_))
  }

  /** How many frames stand right before the frame at `at`; none before another line. */
  private def framesBefore(lines: Seq[String], at: Int): Int =
    if (!Frame.matches(lines(at))) 0 else lines.take(at).reverseIterator.takeWhile(Frame.matches(_)).size
}
