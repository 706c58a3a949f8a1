// One split of a data set as records: raw bytes keyed by the row's number, nothing decoded on the JVM.
package io.firesteel.data

import org.apache.spark.rdd.RDD

/** Rows of one split.
  *
  * @param records (global row in file order, label bytes and pixels as `format` says)
  * @param rows how many there are
  * @param classes how many labels there can be
  * @param locate says where a row came from: file, record, byte offset
  */
case class ImageSource(
    records: RDD[(Long, Array[Byte])],
    rows: Long,
    classes: Int,
    format: RecordFormat,
    locate: Long => String
)
