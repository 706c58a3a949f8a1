// Runs a comparison in one Spark application: run after run, or side by side where there are task slots. What is finished
// is kept after each run, so that a comparison that was ended goes on where it was.
package io.firesteel.compare

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{FiresteelException, Uninterrupted}
import io.firesteel.data.ImageFiles
import io.firesteel.files.{Directory, Purpose}
import io.firesteel.jni.Kind
import io.firesteel.train.Training
import io.firesteel.train.faults.Cancellation
import io.firesteel.train.simulation.{SimulatedTraining, SimulationRows}
import java.util.concurrent.TimeUnit.NANOSECONDS
import java.util.concurrent.{ConcurrentLinkedQueue, ExecutionException, ExecutorCompletionService, Executors}
import org.apache.hadoop.conf.Configuration
import org.apache.spark.{SparkContext, SparkException}
import scala.collection.mutable
import scala.jdk.CollectionConverters._
import scala.util.Using

/** Is told what a comparison does; on any thread, but never twice at the same time. */
trait ComparisonListener {

  /** All runs are checked; those of `left` have no results yet.
    *
    * @param seconds that they will take, as far as the time of a few steps on the driver tells
    */
  def planned(cells: Seq[PlannedCell], left: Seq[PlannedCell], parallel: Int, seconds: Option[Double]): Unit = ()

  def began(cell: PlannedCell): Unit = ()

  /** @param error why the run failed, if it did */
  def ended(cell: PlannedCell, error: Option[String]): Unit = ()
}

object Comparison {
  val Results = "results.jsonl"
  val Report = "report.html"
  val Table = "summary.csv"
  val Tex = "summary.tex"

  /** The directory of a comparison, which one at a time writes in. It must be closed. */
  def claim(uri: String, conf: Configuration, matrix: Matrix): Directory = {
    val files = Seq(Results, Report, Table, Tex) ++ Plots.names(matrix.axes.map(_.key))
    Directory.claim(uri, conf, Purpose("output directory", "choose another --out", files))
  }

  /** Runs all runs of `matrix` that have no result in `out`, and writes the report there after each.
    *
    * @param parallel runs at once; by default as many as find a task slot for each of their workers
    * @return the number of runs that failed, in this call or in an earlier one; those are tried again by the next call
    * @throws FiresteelException of kind config for a run that cannot be, before any begins; of kind cancelled if the
    *   comparison was interrupted, with the report of what is finished
    */
  def run(
      sc: SparkContext,
      matrix: Matrix,
      out: Directory,
      parallel: Option[Int] = None,
      listener: ComparisonListener = new ComparisonListener {}
  ): Int = Cancellation.told(ended(sc, matrix, out, parallel, listener), "comparison")

  private def ended(
      sc: SparkContext,
      matrix: Matrix,
      out: Directory,
      parallel: Option[Int],
      listener: ComparisonListener
  ): Int = {
    val slots = Training.slots(sc)
    val cells = PlannedCell.all(sc, matrix, slots)
    val results = new Results(out, cells, ReportData.of(sc, matrix))
    val most = if (matrix.simulated) 1 else cells.map(_.config.workers.get).max // slots of a run
    val atOnce = parallel.getOrElse(math.max(1, slots / most))
    val left = cells.filterNot(results.has)
    listener.planned(cells, left, atOnce, Estimate.seconds(left, math.min(slots, atOnce * most)))
    results.write()
    Using.resource(new SimulatedImages(sc)) { images =>
      inThreads(atOnce, left) { cell =>
        listener.synchronized(listener.began(cell))
        val line = result(sc, matrix, cell, images)
        results.add(line)
        listener.synchronized(listener.ended(cell, Option(line.get("error")).map(_.asText)))
      }
    }
    results.failures
  }

  /** The result of a run. One that fails has an error; one that is cancelled has no result. */
  private def result(sc: SparkContext, matrix: Matrix, cell: PlannedCell, images: SimulatedImages): ObjectNode =
    try
      cell.cluster match {
        case Some(cluster) =>
          val summary = SimulatedTraining.run(sc, images.of(cell.images), cell.config, cluster, cell.cell.name)
          CellResult.simulated(cell, summary)
        case None =>
          val seconds = Option(matrix.budget).collect { case Budget.Seconds(seconds) => seconds }
          val recorder = new CellResult(cell, seconds)
          Training.named(sc, cell.images.train, cell.images.evaluated, cell.config, recorder, None, cell.cell.name)
          recorder.done
      }
    catch {
      case e: FiresteelException if e.kind != Kind.CANCELLED => CellResult.failed(cell, e)
      case e: SparkException                                 => CellResult.failed(cell, e) // lost executors, say
    }

  /** The rows of the data sets that simulated runs train on, each divided once. */
  private final class SimulatedImages(sc: SparkContext) extends AutoCloseable {
    private val opened = mutable.Map.empty[ImageFiles, SimulationRows]

    def of(images: ImageFiles): SimulationRows = synchronized {
      opened.getOrElseUpdate(images, SimulationRows.of(sc, images.train, images.evaluated))
    }

    def close(): Unit = if (!sc.isStopped) opened.values.foreach(_.close())
  }

  /** Runs `body` for all of `cells`, `threads` at once. The first failure ends all, and is thrown. */
  private def inThreads(threads: Int, cells: Seq[PlannedCell])(body: PlannedCell => Unit): Unit = {
    val queue = new ConcurrentLinkedQueue(cells.asJava)
    def work(): Unit = Iterator.continually(queue.poll()).takeWhile(_ != null).foreach { cell =>
      try body(cell)
      catch {
        case e: Throwable => // the comparison ends with it
          queue.clear()
          throw e
      }
    }
    val pool = Executors.newFixedThreadPool(threads)
    val ended = new ExecutorCompletionService[Unit](pool)
    try {
      val tasks = Seq.fill(math.min(threads, cells.size))(ended.submit(() => work()))
      tasks.foreach(_ => ended.take().get()) // in the order in which they end, so that a failure is seen at once
    } catch {
      case e: ExecutionException => throw e.getCause
    } finally {
      pool.shutdownNow() // interrupts the runs that go on beside one that ended the comparison
      Uninterrupted(pool.awaitTermination(Long.MaxValue, NANOSECONDS))
    }
  }
}
