// The trait of a model with a summary, which Spark ML shows to its own packages only.
package org.apache.spark.ml.firesteel

import java.nio.file.{Files, Path}
import org.apache.spark.ml.param.Params
import org.apache.spark.ml.util.HasTrainingSummary
import org.apache.spark.sql.DataFrame

/** A model that may have a summary of its training. */
trait HasSummary[T] extends HasTrainingSummary[T] { self: Params =>

  /** The summary, if there is one: a loaded model has none. */
  def summarised: Option[T] = trainingSummary

  /** Gives it one, or none. */
  def summarised(summary: Option[T]): this.type = {
    setSummary(summary)
    this
  }

  /** A summary as bytes, from which this version of Firesteel makes it again. */
  protected def summaryBytes(summary: T): Array[Byte]

  /** @param dataset the DataFrame that was fitted */
  protected def summaryOf(bytes: Array[Byte], dataset: DataFrame): T

  // The server of Spark Connect (4.1 and newer) keeps a model that nobody used for a while on its own disk.

  override private[spark] def saveSummary(path: String): Unit = {
    val file = Path.of(path)
    Files.createDirectories(file.getParent)
    Files.write(file, summaryBytes(summary))
  }

  override private[spark] def loadSummary(path: String, dataset: DataFrame): Unit =
    summarised(Some(summaryOf(Files.readAllBytes(Path.of(path)), dataset)))
}
