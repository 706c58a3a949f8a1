// The application that spark-submit runs: COMMAND [OPTIONS]. Exit status 0: all that was asked was done; 1: a failed
// run; 2: a wrong command line or configuration. Every failure ends in one line on stderr.
package io.firesteel.driver

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.driver.console.{Console, Failure, Terminal}
import io.firesteel.driver.options.{Arguments, Command, Invocation}

import java.io.{PrintStream, PrintWriter, StringWriter}

object Main {
  private val commands: Seq[(Command, (ObjectNode, Console) => Unit)] = Seq(
    TrainCommand.command -> TrainCommand.run,
    EvaluateCommand.command -> EvaluateCommand.run
  )

  def main(args: Array[String]): Unit = {
    val status = run(args.toSeq, Console(System.out, System.err, Terminal.ofStderr()))
    System.exit(status) // threads of Hadoop's file systems and of libtorch must not hold the process
  }

  /** Does what the command line asks, and tells the exit status. FIRESTEEL_DEBUG=1 shows a failure's stack trace. */
  def run(args: Seq[String], console: Console): Int =
    try {
      new Arguments(commands.map(_._1), Environment.describe).parse(args) match {
        case Invocation.Print(text)         => text.linesIterator.foreach(line => console.out.println(line))
        case Invocation.Run(name, settings) =>
          commands.collectFirst { case (c, body) if c.name == name => body }.get(settings, console)
      }
      0
    } catch {
      case e: Throwable => // the last frame of the program: nothing above could tell it
        console.terminal.clear()
        if (sys.env.get("FIRESTEEL_DEBUG").contains("1")) trace(e).foreach(line => console.err.println(line))
        console.err.println(s"firesteel: ${Failure.line(e)}")
        console.err.flush()
        Failure.status(e)
    }

  /** The stack trace in lines; Spark's messages have several themselves, which stay apart here. */
  private def trace(error: Throwable): Iterator[String] = {
    val text = new StringWriter
    error.printStackTrace(new PrintWriter(text, true))
    text.toString.linesIterator
  }
}
