// Where predictions go: to stdout as lines of JSON, or to a directory that Spark writes.
package io.firesteel.driver

import io.firesteel.FiresteelException
import io.firesteel.console.Escape
import io.firesteel.driver.console.EscapedStream
import io.firesteel.files.{Directory, FileSystems, Storage}
import io.firesteel.jni.Kind
import org.apache.hadoop.fs.Path
import org.apache.spark.SparkContext
import org.apache.spark.firesteel.TaskSlots
import org.apache.spark.sql.DataFrame

import java.util.concurrent.TimeUnit.SECONDS
import scala.util.Using
import scala.util.control.NonFatal

private[driver] sealed trait PredictionOutput {

  /** Reads the table once, and returns when its rows are written. */
  def write(table: DataFrame): Unit
}

private[driver] object PredictionOutput {

  /** What stands for stdout in place of a path. */
  val Stdout = "-"
}

/** Prints the rows in their order. */
private[driver] final class PrintedPredictions(out: EscapedStream) extends PredictionOutput {
  private val Wave = 4 // jobs of so many tasks for each slot: the driver holds the rows of one job

  def write(table: DataFrame): Unit = {
    val (sc, lines) = (table.sparkSession.sparkContext, table.toJSON.rdd)
    for (partitions <- lines.partitions.indices.grouped(Wave * sc.defaultParallelism)) {
      val rows = sc.runJob(lines, (of: Iterator[String]) => of.toArray, partitions)
      rows.flatten.foreach(line => out.println(Escape.escapedJson(line)))
      if (out.checkError()) // which flushes, too
        throw new FiresteelException(Kind.IO, "stdout takes no more: it was closed, or its disk is full")
    }
  }
}

/** Has Spark write files into `directory`, which is deleted if the job fails before it wrote any.
  *
  * @param format of Spark's DataFrameWriter
  */
private[driver] final class StoredPredictions(directory: Directory, format: String) extends PredictionOutput {
  def write(table: DataFrame): Unit = Using.resource(directory) { _ =>
    try table.write.format(format).save(directory.location)
    catch {
      case NonFatal(e) =>
        Storage.alsoFailing(e)(clear(table.sparkSession.sparkContext))
        throw e
    }
  }

  /** Deletes Spark's temporary directory, once no task of the failed job writes any more: one that is still under way makes
    * it again after Spark has deleted it.
    */
  private def clear(sc: SparkContext): Unit = {
    val deadline = System.nanoTime() + SECONDS.toNanos(StoredPredictions.TasksSeconds)
    while (TaskSlots.executors(sc).exists(_.running > 0) && deadline - System.nanoTime() > 0)
      Thread.sleep(StoredPredictions.PollMillis)
    val temporary = new Path(FileSystems.path(directory.location), StoredPredictions.Temporary)
    FileSystems.of(temporary, sc.hadoopConfiguration).delete(temporary, true)
  }
}

private object StoredPredictions {
  private val Temporary = "_temporary" // Hadoop's FileOutputCommitter.PENDING_DIR_NAME
  private val TasksSeconds = 10L // a task ends at its next row; a batch of a large net takes seconds
  private val PollMillis = 50L
}
