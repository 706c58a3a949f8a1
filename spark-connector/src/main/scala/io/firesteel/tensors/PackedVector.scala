// A flat vector as it is sent between the driver and the executors, and handed to native code and back.
package io.firesteel.tensors

import java.io.OutputStream
import java.lang.Float.BYTES
import java.nio.{ByteBuffer, ByteOrder, FloatBuffer}
import java.util.Arrays

/** Floats as an array of bytes. Java's serialization copies such an array at once, but converts an array of floats
  * value by value, on both sides. A round waits for that of the center and of every worker's vector. Bytes are also what
  * Kryo accepts if it serialises registered classes only (`spark.kryo.registrationRequired`).
  *
  * @param bytes little-endian; not to be changed
  */
private[firesteel] final class PackedVector private (val bytes: Array[Byte]) {
  def length: Int = bytes.length / BYTES

  def isEmpty: Boolean = bytes.isEmpty

  /** A new array of the values. */
  def floats: Array[Float] = {
    val values = new Array[Float](length)
    view.get(values)
    values
  }

  /** The first `size` values; this vector itself if it has no others. */
  def first(size: Int): PackedVector =
    if (size == length) this else PackedVector.wrap(Arrays.copyOf(bytes, Math.multiplyExact(size, BYTES)))

  /** The first value that is NaN or infinite, and its index. */
  def firstNotFinite: Option[(Int, Float)] = {
    val values = view
    var at = 0
    while (at < length && java.lang.Float.isFinite(values.get(at))) at += 1
    Option.when(at < length)(at -> values.get(at))
  }

  /** Writes the values, little-endian. */
  def writeTo(out: OutputStream): Unit = out.write(bytes)

  private def view: FloatBuffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
}

private[firesteel] object PackedVector {
  val empty: PackedVector = wrap(Array.emptyByteArray)

  /** `values`, followed by zeros up to `size` values. */
  def padded(values: Array[Float], size: Int): PackedVector = {
    val vector = zeros(size)
    vector.view.put(values)
    vector
  }

  def apply(values: Array[Float]): PackedVector = padded(values, values.length)

  /** A vector of `size` zeros. */
  def zeros(size: Int): PackedVector = wrap(new Array[Byte](Math.multiplyExact(size, BYTES)))

  /** The vector whose little-endian values are `bytes`, which are not copied. */
  def wrap(bytes: Array[Byte]): PackedVector = new PackedVector(bytes)
}
