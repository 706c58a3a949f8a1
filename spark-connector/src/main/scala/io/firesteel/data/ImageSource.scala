// The training or test set as records: raw bytes with their row numbers. The JVM decodes nothing.
package io.firesteel.data

import org.apache.spark.rdd.RDD

/** The rows of a training or test set.
  *
  * @param records pairs of row number, counted in the order of the files, and record in the layout of `format`
  * @param rows number of rows
  * @param classes number of classes: labels are below it
  * @param locate where a row came from, for messages: file, record, byte offset
  * @param names the classes in the order of their labels, where they have names
  * @param split which part of the data set this is, for messages and events: train, validation or test
  */
case class ImageSource(
    records: RDD[(Long, Array[Byte])],
    rows: Long,
    classes: Int,
    format: RecordFormat,
    locate: Long => String,
    names: IndexedSeq[String] = IndexedSeq.empty,
    split: String = "test"
)
