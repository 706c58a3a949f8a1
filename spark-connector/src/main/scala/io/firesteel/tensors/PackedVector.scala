// A flat vector as it is sent between the driver and the executors.
package io.firesteel.tensors

import java.io.OutputStream
import java.lang.Float.BYTES
import java.nio.{ByteBuffer, ByteOrder, FloatBuffer}

/** Floats as an array of bytes. Java's serialization copies such an array at once, but converts an array of floats
  * value by value, on both sides. A round waits for that of the center and of every worker's vector. Bytes are also what
  * Kryo accepts if it serialises registered classes only (`spark.kryo.registrationRequired`).
  *
  * @param bytes little-endian; not to be changed
  */
private[firesteel] final class PackedVector private (val bytes: Array[Byte]) {
  def length: Int = bytes.length / BYTES

  /** A new array of the values. */
  def floats: Array[Float] = padded(length)

  /** A new array of `size` floats that begins with the values; the others are zero. */
  def padded(size: Int): Array[Float] = {
    val values = new Array[Float](size)
    copyInto(values, 0)
    values
  }

  /** Writes the values, little-endian. */
  def writeTo(out: OutputStream): Unit = out.write(bytes)

  /** Writes the values into `values`, from index `from` on. */
  def copyInto(values: Array[Float], from: Int): Unit = PackedVector.view(bytes).get(values, from, length)
}

private[firesteel] object PackedVector {

  /** `size` of the values, from index `from` on. */
  def apply(values: Array[Float], from: Int, size: Int): PackedVector = {
    val bytes = new Array[Byte](Math.multiplyExact(size, BYTES))
    view(bytes).put(values, from, size)
    new PackedVector(bytes)
  }

  /** The vector whose little-endian values are `bytes`, which are not copied. */
  def wrap(bytes: Array[Byte]): PackedVector = new PackedVector(bytes)

  def apply(values: Array[Float]): PackedVector = apply(values, 0, values.length)

  /** Always little-endian, since another machine may have written the bytes. */
  private def view(bytes: Array[Byte]): FloatBuffer =
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
}
