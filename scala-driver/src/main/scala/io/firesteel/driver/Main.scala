// The application that spark-submit runs: COMMAND [OPTIONS]. Exit status 0: success; 1: a failed run; 2: a wrong
// command line or configuration. Every failure is reported in one line on stderr.
package io.firesteel.driver

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.Failure
import io.firesteel.console.Terminal
import io.firesteel.driver.console.{Console, ExitStatus}
import io.firesteel.driver.options.{Arguments, Command, Invocation}
import io.firesteel.files.FileNames

import java.io.{PrintWriter, StringWriter}

object Main {
  private val commands: Seq[(Command, (ObjectNode, Console) => Unit)] = Seq(
    TrainCommand.command -> TrainCommand.run,
    EvaluateCommand.command -> EvaluateCommand.run,
    PredictCommand.command -> PredictCommand.run,
    CompareCommand.command -> CompareCommand.run,
    DoctorCommand.command -> DoctorCommand.run
  )

  def main(args: Array[String]): Unit = {
    val status = run(args.toSeq, Console(System.out, System.err, Terminal.ofStderr()))
    System.exit(status) // else threads of Hadoop's file systems and of libtorch might keep the process alive
  }

  /** Runs the command, and returns the exit status. With FIRESTEEL_DEBUG=1 it prints the stack trace of a failure. */
  def run(args: Seq[String], console: Console): Int =
    try {
      args.foreach(FileNames.checkRead("argument", _))
      FileNames.checkRead("working directory", sys.props("user.dir"))
      new Arguments(commands.map(_._1), Environment.describe).parse(args) match {
        case Invocation.Print(text)         => text.linesIterator.foreach(line => console.out.println(line))
        case Invocation.Run(name, settings) =>
          commands.collectFirst { case (c, body) if c.name == name => body }.get(settings, console)
      }
      0
    } catch {
      case e: Throwable => // the outermost frame of the program: nothing above it reports failures
        console.terminal.clear()
        if (sys.env.get("FIRESTEEL_DEBUG").contains("1")) trace(e).foreach(line => console.err.println(line))
        console.err.println(s"firesteel: ${Failure.line(e)}")
        console.err.flush()
        ExitStatus.of(e)
    }

  /** The lines of the stack trace. Messages of Spark have several lines, so the whole text is split. */
  private def trace(error: Throwable): Iterator[String] = {
    val text = new StringWriter
    error.printStackTrace(new PrintWriter(text, true))
    text.toString.linesIterator
  }
}
