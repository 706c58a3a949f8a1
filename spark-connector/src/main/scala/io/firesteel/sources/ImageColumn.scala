// Spark's image struct, as its own source `image` and Spark ML have it (org.apache.spark.ml.image.ImageSchema, which is in
// a library that the connector does not need otherwise).
package io.firesteel.sources

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String

private[sources] object ImageColumn {
  private val Grey = 0 // OpenCV's CV_8UC1
  private val Bgr = 16 // OpenCV's CV_8UC3

  val dataType: StructType = new StructType()
    .add("origin", StringType)
    .add("height", IntegerType, nullable = false)
    .add("width", IntegerType, nullable = false)
    .add("nChannels", IntegerType, nullable = false)
    .add("mode", IntegerType, nullable = false)
    .add("data", BinaryType, nullable = false)

  /** A grey image of these pixels, line by line. */
  def grey(file: String, height: Int, width: Int, pixels: Array[Byte]): InternalRow =
    InternalRow(UTF8String.fromString(file), height, width, 1, Grey, pixels)

  /** An image of three planes, red, green, blue, which begin at `offset`: Spark wants the colors of a pixel together, blue
    * first.
    */
  def color(file: String, height: Int, width: Int, planes: Array[Byte], offset: Int): InternalRow = {
    val plane = height * width
    val data = new Array[Byte](3 * plane)
    for (channel <- 0 until 3; at <- 0 until plane) data(3 * at + 2 - channel) = planes(offset + channel * plane + at)
    InternalRow(UTF8String.fromString(file), height, width, 3, Bgr, data)
  }
}
