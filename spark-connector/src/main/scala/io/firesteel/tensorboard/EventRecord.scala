// One record of TensorBoard's event files. A record is a protobuf message `Event` in TFRecord's frame; of the message
// (tensorboard/compat/proto/event.proto) only what scalars need is written here, so that no protobuf library is shipped that
// could meet another one on Spark's class path.
package io.firesteel.tensorboard

import java.io.ByteArrayOutputStream
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.{ByteBuffer, ByteOrder}
import java.util.zip.CRC32C

private[tensorboard] object EventRecord {

  /** The first record of a file, which says the format's version.
    *
    * @param seconds since 1970, here and below
    */
  def version(seconds: Double): Array[Byte] = framed(event(seconds, 0, text(3, "brain.Event:2")))

  /** Values at a step, each with its tag. */
  def scalars(seconds: Double, step: Long, values: Seq[(String, Double)]): Array[Byte] = {
    val summary = values.map { case (tag, value) => bytes(1, text(1, tag) ++ float(2, value.toFloat)) }
    framed(event(seconds, step, bytes(5, summary.flatten.toArray)))
  }

  /** Says that a run begins at that step: readers forget what earlier files of the directory have from there on. */
  def begin(seconds: Double, step: Long): Array[Byte] = framed(event(seconds, step, bytes(7, varint(1, Start))))

  private val Start = 1L // SessionLog.SessionStatus

  private def event(seconds: Double, step: Long, content: Array[Byte]): Array[Byte] =
    fixed(1, 8)(_.putDouble(seconds)) ++ (if (step == 0) Nil
                                          else varint(2, step).toSeq) ++ content // 0 is absent, as usual

  /** Length, its checksum, the message, its checksum. */
  private def framed(message: Array[Byte]): Array[Byte] = {
    val length = buffer(8).putLong(message.length.toLong).array
    val record = buffer(message.length + 16)
    record.put(length).putInt(masked(length)).put(message).putInt(masked(message)).array
  }

  /** TFRecord's mask of a CRC-32C: a checksum of data that contain checksums would be weak. */
  private def masked(data: Array[Byte]): Int = {
    val crc = new CRC32C
    crc.update(data)
    val value = crc.getValue.toInt
    ((value >>> 15) | (value << 17)) + 0xa282ead8
  }

  // Protobuf's wire format: a field is its number and the kind of its value, then the value.
  private def varint(field: Int, value: Long): Array[Byte] = number(field.toLong << 3) ++ number(value)
  private def text(field: Int, value: String): Array[Byte] = bytes(field, value.getBytes(UTF_8))
  private def float(field: Int, value: Float): Array[Byte] = fixed(field, 4)(_.putFloat(value))

  private def bytes(field: Int, value: Array[Byte]): Array[Byte] =
    number(field.toLong << 3 | 2) ++ number(value.length.toLong) ++ value

  private def fixed(field: Int, size: Int)(put: ByteBuffer => ByteBuffer): Array[Byte] =
    number(field.toLong << 3 | (if (size == 8) 1 else 5)) ++ put(buffer(size)).array

  private def number(value: Long): Array[Byte] = {
    val out = new ByteArrayOutputStream
    var left = value
    while ((left & ~0x7fL) != 0) {
      out.write((left.toInt & 0x7f) | 0x80)
      left >>>= 7
    }
    out.write(left.toInt)
    out.toByteArray
  }

  private def buffer(size: Int): ByteBuffer = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN)
}
