// The byte layout of one record, as the engine reads it (rust-core/engine/src/data/record.rs), and how records become a
// chunk, the bytes that are copied to a worker at once.
package io.firesteel.data

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}
import java.nio.{ByteBuffer, ByteOrder}

/** @param name the format's name in the engine */
sealed abstract class RecordFormat(val name: String) extends Serializable {

  /** The engine's name of a data set of such records. */
  def dataset: String = name

  /** One chunk of these rows, each with its number. */
  private[firesteel] def chunk(rows: Seq[(Long, Array[Byte])]): Array[Byte]

  /** How many rows are in a chunk. */
  def rows(chunk: Array[Byte]): Int

  /** The engine's `RecordFormat`. */
  private[firesteel] def json: ObjectNode = JsonNodeFactory.instance.objectNode().put("format", name)
}

/** Label bytes, then pixels: all records have the same length, and a chunk has them one after another.
  *
  * @param labelBytes bytes before the pixels; the last of them is the label (CIFAR-100: coarse, then fine)
  * @param channels planes, one after another
  */
sealed abstract class FixedRecords(
    name: String,
    val labelBytes: Int,
    val channels: Int,
    val height: Int,
    val width: Int
) extends RecordFormat(name) {

  /** Bytes of one record. */
  def bytes: Int = labelBytes + channels * height * width

  /** The label of a record. */
  def label(record: Array[Byte]): Int = record(labelBytes - 1) & 0xff

  private[firesteel] def chunk(rows: Seq[(Long, Array[Byte])]): Array[Byte] = {
    val chunk = ByteBuffer.allocate(rows.length * bytes)
    rows.foreach { case (_, record) => chunk.put(record, 0, bytes) }
    chunk.array
  }

  def rows(chunk: Array[Byte]): Int = chunk.length / bytes
}

/** Four bytes of label, little-endian, a weight of four bytes if `weighted`, then an image: records have different lengths,
  * and an image may turn out to be none. In a chunk each record comes after its row number (8 bytes, little-endian), by
  * which a bad image is reported, and its length (4).
  */
sealed abstract class ImageRecords(name: String) extends RecordFormat(name) {

  /** Whether each record has a weight in the training loss: in a minibatch that is the weighted mean over its rows. A set
    * that is evaluated may have weights too, but an evaluation counts rows.
    */
  def weighted: Boolean

  override def dataset: String = "images"

  override private[firesteel] def json: ObjectNode =
    if (weighted) super.json.put("weighted", true) else super.json

  private[firesteel] def chunk(rows: Seq[(Long, Array[Byte])]): Array[Byte] = {
    val length = rows.map { case (_, record) => ImageRecords.HeadBytes + record.length }.sum
    val chunk = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN)
    rows.foreach { case (row, record) => chunk.putLong(row).putInt(record.length).put(record) }
    chunk.array
  }

  def rows(chunk: Array[Byte]): Int = {
    val bytes = ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN)
    Iterator
      .iterate(0)(at => at + ImageRecords.HeadBytes + bytes.getInt(at + ImageRecords.LengthAt))
      .takeWhile(_ < chunk.length)
      .size
  }
}

object ImageRecords {
  private val LengthAt = 8 // after the row number
  private[data] val HeadBytes = LengthAt + 4

  /** The record of an image with this label, in a format without weights; `image` is in the layout of the format. */
  def record(label: Int, image: Array[Byte]): Array[Byte] =
    ByteBuffer.allocate(4 + image.length).order(ByteOrder.LITTLE_ENDIAN).putInt(label).put(image).array

  /** The same in a format with weights. A weight that is negative, infinite or NaN ends the run when the workers load it. */
  def record(label: Int, weight: Float, image: Array[Byte]): Array[Byte] =
    ByteBuffer.allocate(8 + image.length).order(ByteOrder.LITTLE_ENDIAN).putInt(label).putFloat(weight).put(image).array
}

object RecordFormat {

  /** Bytes before the lines of an image of `Pixels`. */
  private[firesteel] val PixelsHead = 12

  case object Cifar10 extends FixedRecords("cifar10", 1, 3, 32, 32)
  case object Cifar100 extends FixedRecords("cifar100", 2, 3, 32, 32)

  /** Grey images of an idx file (MNIST: 28 x 28), which the engine repeats to 3 channels. */
  final case class Idx(rows: Int, columns: Int) extends FixedRecords("idx", 1, 1, rows, columns) {
    override private[firesteel] def json: ObjectNode = super.json.put("height", height).put("width", width)
  }

  /** JPEG or PNG files, whole. */
  final case class Encoded(weighted: Boolean = false) extends ImageRecords("encoded")

  /** Pixels of any size: height and width (4 bytes each, little-endian), channels (1, 3 or 4), 1 if blue comes first, two
    * zeros, then the lines of the image. With 0 channels there is no image, and a text says why.
    */
  final case class Pixels(weighted: Boolean = false) extends ImageRecords("pixels")
}
