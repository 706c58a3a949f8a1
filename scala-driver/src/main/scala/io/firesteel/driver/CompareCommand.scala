// The command `compare`: runs every combination of a matrix of settings in one application, and writes a report of them.
package io.firesteel.driver

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.FiresteelException
import io.firesteel.compare.{Comparison, ComparisonListener, Matrix, MatrixFile, PlannedCell}
import io.firesteel.console.ProgressLine
import io.firesteel.driver.console.{Console, TextTable}
import io.firesteel.driver.options.{Command, Options}
import io.firesteel.jni.Kind
import io.firesteel.train.Training

import java.nio.file.Path
import scala.util.Using

object CompareCommand {
  val command: Command = Command("compare", "run a matrix of settings, and report who does better", Options.compare)

  /** @throws FiresteelException of kind config for a wrong request, of another kind if a run failed */
  def run(settings: ObjectNode, console: Console): Unit = {
    def text(key: String) = Option(settings.get(key)).map(_.asText).filter(_.nonEmpty)
    val matrix = MatrixFile.read(Path.of(text("matrix").getOrElse(fail("compare needs --matrix"))))
    val parallel = Option(settings.get("parallel")).map(_.asInt)
    if (parallel.exists(_ < 1)) fail("--parallel must be at least 1")
    matrix.cells // a wrong matrix is refused before Spark starts
    if (settings.path("plan").asBoolean)
      SparkApplication.use("firesteel compare") { sc =>
        list(PlannedCell.all(sc, matrix, Training.slots(sc)), matrix, console)
      }
    else {
      val out = text("out").getOrElse(fail("compare needs --out"))
      Using.resource(Comparison.claim(out, SparkApplication.hadoop, matrix)) { directory =>
        SparkApplication.use("firesteel compare") { sc =>
          directory.belongsTo(sc.applicationId)
          val progress = new Progress(matrix, console)
          val failed =
            try Comparison.run(sc, matrix, directory, parallel, progress)
            finally console.terminal.clear()
          console.out.println(s"report: ${directory.location(Comparison.Report)}")
          if (failed > 0)
            throw new FiresteelException(Kind.INTERNAL, s"$failed of the runs failed: the report says why")
        }
      }
    }
  }

  /** The runs as a table: their axes, workers, and what each does. */
  private def list(cells: Seq[PlannedCell], matrix: Matrix, console: Console): Unit = {
    val workers = Seq("workers").diff(matrix.axes.map(_.key)) // once, where they are an axis
    val head = matrix.axes.map(_.key) ++ workers ++ Seq("steps", "samples", "evaluations every")
    val rows = cells.map { planned =>
      val config = planned.config
      planned.cell.labels.map(_._2) ++ workers.map(_ => s"${config.workers.get}") ++
        Seq(s"${config.iterations.get}", s"${planned.samples}", s"${config.evalEvery} rounds")
    }
    TextTable.lines(head +: rows, left = matrix.axes.size, gap = 2).foreach(line => console.out.println(line))
  }

  private def fail(message: String): Nothing = throw new FiresteelException(Kind.CONFIG, message)

  /** Says what is planned and how each run ended; on a terminal, with what runs now and the time left. */
  private final class Progress(matrix: Matrix, console: Console) extends ComparisonListener {
    private var all, ended = 0
    private var samples, samplesDone = 0L
    private val begin = System.nanoTime()
    private var estimate = Option.empty[Double]
    private var running = Seq.empty[PlannedCell]

    override def planned(
        cells: Seq[PlannedCell],
        left: Seq[PlannedCell],
        parallel: Int,
        seconds: Option[Double]
    ): Unit = {
      list(cells, matrix, console)
      all = cells.size
      ended = all - left.size
      val there = if (ended > 0) s", $ended of them finished before" else ""
      val time = seconds.filter(_ => left.nonEmpty).fold("")(s => s", about ${ProgressLine.duration(s)}")
      say(s"${cells.size} runs$there, $parallel at a time, ${matrix.budget.words}$time")
      estimate = seconds
      samples = left.map(_.samples).sum
    }

    override def began(cell: PlannedCell): Unit = {
      running :+= cell
      show()
    }

    override def ended(cell: PlannedCell, error: Option[String]): Unit = {
      running = running.filterNot(_ eq cell)
      ended += 1
      samplesDone += cell.samples
      say(s"run $ended/$all: ${cell.cell.name}: ${error.fold("done")(why => s"failed: $why")}")
      show()
    }

    /** The time left is as if the runs ahead had the speed of those that have ended, sample for sample; before one has, it
      * is the estimate.
      */
    private def show(): Unit = {
      val seconds = (System.nanoTime() - begin) / 1e9
      val ahead =
        if (samplesDone == 0) estimate.map(_ - seconds)
        else Some(seconds * (samples - samplesDone) / samplesDone)
      val left = ahead.fold("")(time => s"  ${ProgressLine.duration(time.max(0))} left")
      val names = running.map(_.cell.name).mkString("; ")
      console.terminal.live(width => TextTable.clipped(s"run ${ended + 1}/$all$left  $names", width))
    }

    private def say(line: String): Unit = {
      console.terminal.clear()
      console.out.println(line)
    }
  }
}
