// The byte layout of one record; the same three layouts as the engine's readers.
package io.firesteel.data

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}

/** A raw record: label bytes, then pixels.
  *
  * @param name the format's name in the engine and in `--dataset`
  * @param labelBytes bytes before the pixels; the last of them is the label (CIFAR-100: coarse, then fine)
  * @param channels planes, one after another
  */
sealed abstract class RecordFormat(
    val name: String,
    val labelBytes: Int,
    val channels: Int,
    val height: Int,
    val width: Int
) extends Serializable {

  /** Bytes of one record. */
  def bytes: Int = labelBytes + channels * height * width

  /** The label of a record. */
  def label(record: Array[Byte]): Int = record(labelBytes - 1) & 0xff

  /** The engine's `RecordFormat`. */
  private[firesteel] def json: ObjectNode = JsonNodeFactory.instance.objectNode().put("format", name)
}

object RecordFormat {
  case object Cifar10 extends RecordFormat("cifar10", 1, 3, 32, 32)
  case object Cifar100 extends RecordFormat("cifar100", 2, 3, 32, 32)

  /** Grey images of an idx file (MNIST: 28 x 28); the engine pads them to 32 x 32 and repeats them to 3 channels. */
  final case class Idx(rows: Int, columns: Int) extends RecordFormat("idx", 1, 1, rows, columns) {
    override private[firesteel] def json: ObjectNode = super.json.put("height", height).put("width", width)
  }
}
