// The JVM's side of the Scala kernel for Jupyter: a program for spark-submit that reads cells from standard input, runs them with
// a Spark session, and sends what they print, show and give to the Python process that started it (firesteel_tools.kernel).
package io.firesteel.notebook

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.ml.FitDisplay
import io.firesteel.notebook.Channel.{flag, number, text, texts}
import io.firesteel.{EventJson, Json, TrainEvent}
import org.apache.spark.SparkConf
import org.apache.spark.sql.SparkSession

import java.io.{BufferedReader, ByteArrayInputStream, File, FileDescriptor, FileOutputStream, InputStreamReader}
import java.net.URI
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.UUID
import java.util.concurrent.Executors
import scala.util.Properties
import scala.util.control.NonFatal

object Kernel {
  private val StopMillis = 60000L // for Spark to stop when the notebook is closed

  @volatile private var started: Option[SparkSession] = None

  /** The session of this process's notebook, `spark` in its cells. */
  def session: SparkSession = started.getOrElse(throw new IllegalStateException("no notebook runs in this process"))

  private val Prelude =
    """@transient val spark = io.firesteel.notebook.Kernel.session
      |@transient val sc = spark.sparkContext
      |import org.apache.spark.SparkContext._
      |import spark.implicits._
      |import spark.sql
      |import org.apache.spark.sql.functions._
      |import io.firesteel.notebook.{Display => display}
      |""".stripMargin

  def main(arguments: Array[String]): Unit = {
    val requests = new BufferedReader(new InputStreamReader(System.in, UTF_8))
    val channel = new Channel(new FileOutputStream(FileDescriptor.out))
    System.setIn(new ByteArrayInputStream(Array.emptyByteArray))
    System.setOut(channel.stdout.printer)
    System.setErr(channel.stderr.printer)
    Display.channel = Some(channel)
    FitDisplay.use(() => new NotebookFit(channel))
    val (cells, interpreter) =
      try start(channel)
      catch {
        case NonFatal(e) =>
          channel.send("failed", "message" -> text(Interpreter.thrown(e).trace.mkString("\n")))
          sys.exit(1)
      }
    serve(requests, channel, cells, interpreter)
    haltLater()
    cells.interrupt()
    session.stop()
    sys.exit(0)
  }

  /** A cell that hinders Spark's end would keep this process for ever, and nobody would see it. */
  private def haltLater(): Unit = {
    val thread = new Thread(
      () => {
        Thread.sleep(StopMillis)
        Runtime.getRuntime.halt(1)
      },
      "halt"
    )
    thread.setDaemon(true)
    thread.start()
  }

  private def start(channel: Channel): (Cells, Interpreter) = {
    val conf = new SparkConf()
    val classes = conf.getOption("spark.repl.classdir") match {
      case Some(parent) => Files.createTempDirectory(Path.of(parent), "cells")
      case None         => Files.createTempDirectory("firesteel-cells")
    }
    sys.addShutdownHook(delete(classes.toFile))
    conf.set("spark.repl.class.outputDir", classes.toString).setIfMissing("spark.log.level", "WARN")
    started = Some(SparkSession.builder().config(conf).getOrCreate())
    val own = Path.of(getClass.getProtectionDomain.getCodeSource.getLocation.toURI).toString
    val local = conf.get("spark.repl.local.jars", "").split(',').filter(_.nonEmpty).map { jar =>
      if (jar.startsWith("file:")) new File(new URI(jar)).getPath else jar
    }
    val interpreter =
      new Interpreter(classes, (own +: local.toSeq).distinct, Thread.currentThread.getContextClassLoader)
    interpreter.run(Prelude) match {
      case Outcome.Success(_)                   => ()
      case Outcome.Failed(name, message, trace) =>
        throw new IllegalStateException(s"the interpreter does not work: $name: $message\n${trace.mkString("\n")}")
    }
    val sc = session.sparkContext
    channel.send(
      "ready",
      "spark" -> text(session.version),
      "scala" -> text(Properties.versionNumberString),
      "master" -> text(sc.master),
      "ui" -> text(sc.uiWebUrl.getOrElse(""))
    )
    (new Cells(sc, interpreter, channel), interpreter)
  }

  /** Until the input ends, which it does when the notebook's process has. An interruption is served while a cell runs. */
  private def serve(requests: BufferedReader, channel: Channel, cells: Cells, interpreter: Interpreter): Unit = {
    val turns = Executors.newSingleThreadExecutor { task =>
      val thread = new Thread(task, "cell")
      thread.setDaemon(true)
      thread
    }
    Iterator.continually(requests.readLine()).takeWhile(_ != null).map(Json.mapper.readTree).foreach { request =>
      def id = Json.whole(request, "id")
      Json.text(request, "request") match {
        case "interrupt" => cells.interrupt()
        case "complete"  =>
          turns.execute { () =>
            val (from, names) = interpreter.complete(Json.text(request, "code"), Json.small(request, "cursor"))
            channel.send("completions", "id" -> number(id), "start" -> number(from.toLong), "names" -> texts(names))
          }
        case "execute" =>
          turns.execute { () =>
            val outcome = cells.run(id, Json.text(request, "code"))
            channel.flush()
            channel.send("done", ("id" -> number(id)) +: fields(outcome): _*)
          }
      }
    }
  }

  private def fields(outcome: Outcome): Seq[(String, JsonNode)] = outcome match {
    case Outcome.Success(said)                => Seq("status" -> text("ok"), "text" -> text(said))
    case Outcome.Failed(name, message, trace) =>
      Seq("status" -> text("error"), "name" -> text(name), "value" -> text(message), "trace" -> texts(trace))
  }

  private def delete(file: File): Unit = {
    Option(file.listFiles).toSeq.flatten.foreach(delete)
    file.delete()
  }

  /** Sends the events of a fit, which the Python process draws in the cell. */
  private final class NotebookFit(channel: Channel) extends FitDisplay {
    private val id = UUID.randomUUID.toString

    override def event(e: TrainEvent): Unit = channel.send("fit", "fit" -> text(id), "event" -> EventJson.of(e))

    override def close(): Unit = channel.send("fit", "fit" -> text(id), "closed" -> flag(true))
  }
}
