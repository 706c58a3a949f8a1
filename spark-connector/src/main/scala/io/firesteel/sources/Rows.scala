// What a table needs of a format: how its rows are divided among tasks, and how a task reads one.
package io.firesteel.sources

import java.io.Closeable
import org.apache.hadoop.conf.Configuration
import org.apache.spark.sql.connector.read.InputPartition

/** The rows of a training, validation or test set. */
private[sources] trait Rows {

  /** What is read, for query plans. */
  def name: String

  def count: Long

  /** Bytes of all images. */
  def imageBytes: Long

  /** The classes in the order of their labels; empty if they have no names. */
  def names: IndexedSeq[String]

  /** All rows in their order, for about `parallelism` tasks or more. */
  def slices(parallelism: Int): Seq[Slice]
}

/** Consecutive rows that one task reads. */
private[sources] trait Slice extends InputPartition {
  def rows: Int

  /** The first `most` rows, fewer than there are. */
  def take(most: Int): Slice

  /** Opens no file that the wanted columns do not need.
    *
    * @throws io.firesteel.FiresteelException of kind io for a file that cannot be read
    */
  def open(conf: Configuration, wanted: Wanted): SliceReader
}

/** Which columns that cost reading are asked for. */
private[sources] final case class Wanted(image: Boolean, label: Boolean)

private[sources] trait SliceReader extends Closeable {

  /** Reads a row; `at` counts from 0 and is called in order. */
  def read(at: Int): Cells
}

/** One row.
  *
  * @param image a value of the format's image type; null if it is not wanted
  * @param label 0 if it is not wanted
  * @param file the file that the row is in
  * @param row number of the row in its set
  */
private[sources] final case class Cells(image: Any, label: Int, file: String, row: Long)
