// Reads and writes safetensors files as streams through one small buffer, since a file may be larger than an array. The
// engine makes and checks the header (rust-core/engine/src/tensors.rs); after it come the tensors' values, f32,
// little-endian, one tensor after the other.
package io.firesteel.tensors

import io.firesteel.{FiresteelException, Json, StoredFile}
import io.firesteel.jni.{Engine, Kind}
import java.io.{EOFException, IOException, OutputStream}
import java.nio.ByteBuffer
import java.nio.ByteOrder.LITTLE_ENDIAN
import scala.jdk.CollectionConverters._

/** The values of a part of a file: of one tensor, or of several that follow each other. */
private[firesteel] sealed trait Values {
  def bytes: Long
}

private[firesteel] object Values {
  private[firesteel] final case class Floats(values: Array[Float]) extends Values {
    def bytes: Long = values.length.toLong * TensorFile.Width
  }

  private[firesteel] final case class Packed(vector: PackedVector) extends Values {
    def bytes: Long = vector.length.toLong * TensorFile.Width
  }

  /** Bytes of anything as a tensor: the pieces one after the other, padded with zeros to whole floats. */
  private[firesteel] final case class Bytes(pieces: Array[Array[Byte]]) extends Values {
    def unpadded: Long = pieces.map(_.length.toLong).sum
    def bytes: Long = Tensors.packedLength(unpadded) * TensorFile.Width
  }
}

/** Where to put the values of one tensor. */
private[firesteel] sealed trait Target

private[firesteel] object Target {

  /** Into the array from index `at` on. */
  private[firesteel] final case class Floats(into: Array[Float], at: Int = 0) extends Target

  /** Into the pieces, one after the other; the rest of the tensor's bytes is padding. */
  private[firesteel] final case class Bytes(into: Array[Array[Byte]]) extends Target
}

private[firesteel] object TensorFile {
  val Width: Int = java.lang.Float.BYTES

  private val Chunk = 1 << 20 // bytes of the buffer
  private val Piece = 64L << 20 // bytes
  private val LengthBytes = java.lang.Long.BYTES
  private val MostHeader = 100000000L // the limit of the format's own library

  /** Writes a file of `layout`; the `values` stand in the order of the tensors' names. */
  def write(out: OutputStream, layout: Tensors, values: Seq[Values], chunk: Int = Chunk): Unit = {
    val (said, got) = (layout.shapes.map(_._2.product).sum * Width, values.map(_.bytes).sum)
    if (said != got) throw new FiresteelException(Kind.INTERNAL, s"$got bytes of values for tensors of $said bytes")
    out.write(Engine.tensorsHeader(layout.json))
    val buffer = ByteBuffer.allocate(chunk).order(LITTLE_ENDIAN)
    values.foreach {
      case Values.Floats(floats) =>
        for (at <- floats.indices by chunk / Width) {
          val count = math.min(chunk / Width, floats.length - at)
          buffer.clear().asFloatBuffer().put(floats, at, count)
          out.write(buffer.array, 0, count * Width)
        }
      case Values.Packed(vector) => vector.writeTo(out)
      case whole: Values.Bytes   =>
        whole.pieces.foreach(out.write(_))
        out.write(new Array[Byte]((whole.bytes - whole.unpadded).toInt))
    }
  }

  /** Arrays for `bytes` bytes in all, which may be more than one array holds. */
  def pieces(bytes: Long): Array[Array[Byte]] =
    (0L until bytes by Piece).map(at => new Array[Byte](math.min(Piece, bytes - at).toInt)).toArray

  /** Reads the header of `file` and checks it against the file's length, before anything is allocated from its sizes.
    */
  def open(file: StoredFile, chunk: Int = Chunk): TensorFile = reading(file) {
    val first = file.in.readNBytes(LengthBytes)
    val length = if (first.length == LengthBytes) ByteBuffer.wrap(first).order(LITTLE_ENDIAN).getLong else -1L
    if (length < 0 || length > math.min(MostHeader, file.length - LengthBytes))
      throw new FiresteelException(Kind.DATA, s"${file.name}: not a safetensors file of ${file.length} bytes")
    val header = Engine.readTensorsHeader(first ++ file.in.readNBytes(length.toInt), file.length)
    new TensorFile(file, Json.mapper.readTree(header), chunk)
  }

  /** Puts the file's name into the message of a failure. */
  private def reading[A](file: StoredFile)(body: => A): A =
    try body
    catch {
      case e: IOException                      => throw new FiresteelException(Kind.IO, s"read ${file.name}", e)
      case e: io.firesteel.jni.NativeException =>
        throw new FiresteelException(e.kind, s"${file.name}: ${e.getMessage}", e)
    }
}

/** A file whose header was read and checked. */
private[firesteel] final class TensorFile private (
    file: StoredFile,
    header: com.fasterxml.jackson.databind.JsonNode,
    chunk: Int
) {
  import TensorFile.{reading, Width}

  private val shapes: Seq[(String, Seq[Long])] = Tensors.shapesOf(header)
  private val types = header.get("tensors").elements.asScala.map(_.get("dtype").asText).toSeq

  def name: String = file.name

  /** The metadata in the file's header. */
  val metadata: Map[String, String] =
    header.get("metadata").properties.asScala.map(entry => entry.getKey -> entry.getValue.asText).toMap

  /** Checks that the file has these tensors with these shapes, as f32. It may have others, too. */
  def check(wanted: Seq[(String, Seq[Long])]): Unit = wanted.foreach { case (tensor, shape) =>
    def shown(sizes: Seq[Long]) = sizes.mkString("[", ", ", "]")
    shapes.indexWhere(_._1 == tensor) match {
      case -1 => refuse(s"tensor $tensor is missing")
      case at =>
        if (types(at) != "F32" || shapes(at)._2 != shape)
          refuse(s"tensor $tensor is ${types(at)} ${shown(shapes(at)._2)}, not F32 ${shown(shape)}")
    }
  }

  /** Reads all values, each tensor's into its target; tensors without a target are skipped. To be called once. */
  def read(targets: Map[String, Target]): Unit = reading(file) {
    val buffer = ByteBuffer.allocate(chunk).order(LITTLE_ENDIAN)
    for (entry <- header.get("tensors").elements.asScala) {
      val (tensor, bytes) = (entry.get("name").asText, entry.get("bytes").asLong)
      targets.get(tensor) match {
        case None                            => file.in.skipNBytes(bytes)
        case Some(Target.Floats(into, from)) =>
          for (at <- 0L until bytes by (chunk / Width * Width).toLong) {
            val size = math.min((chunk / Width * Width).toLong, bytes - at).toInt
            fill(tensor, buffer.array, size)
            buffer.clear().asFloatBuffer().get(into, from + (at / Width).toInt, size / Width)
          }
        case Some(Target.Bytes(into)) =>
          into.foreach(piece => fill(tensor, piece, piece.length))
          file.in.skipNBytes(bytes - into.map(_.length.toLong).sum)
      }
    }
  }

  private def fill(tensor: String, into: Array[Byte], size: Int): Unit =
    if (file.in.readNBytes(into, 0, size) != size) throw new EOFException(s"the file ends within tensor $tensor")

  private def refuse(what: String): Nothing = throw new FiresteelException(Kind.LAYOUT, s"$name: $what")
}
