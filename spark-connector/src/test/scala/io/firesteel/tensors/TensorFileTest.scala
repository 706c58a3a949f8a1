// safetensors files as streams: the size of the buffer does not change the bytes, and sizes in a file are checked.
package io.firesteel.tensors

import io.firesteel.{FiresteelException, StoredFile}
import io.firesteel.jni.Kind
import io.firesteel.train.Runs
import java.io.{ByteArrayInputStream, ByteArrayOutputStream, IOException, InputStream}
import java.nio.ByteBuffer
import java.nio.ByteOrder.LITTLE_ENDIAN
import org.scalatest.funsuite.AnyFunSuite

class TensorFileTest extends AnyFunSuite {
  private val chunks = Seq(4, 7, 12, 1 << 20) // bytes; a value takes four
  private val layout =
    Tensors(Seq("a" -> Seq(2L, 3L), "b" -> Seq(2L), "c" -> Seq(1L), "d" -> Seq(0L))).withMetadata("key" -> "word")
  private val floats = Array(1f, -0f, Float.NaN, Float.MinPositiveValue, 5f, 6f)
  private val raw = Array(Array[Byte](1), Array[Byte](0, 0xa0.toByte, 0x7f, 9)) // the first four are a signalling NaN
  private val packed = PackedVector(Array(7f))

  private def file(chunk: Int): Array[Byte] = {
    val out = new ByteArrayOutputStream()
    val values = Seq(Values.Floats(floats), Values.Bytes(raw), Values.Packed(packed), Values.Floats(Array.empty))
    TensorFile.write(out, layout, values, chunk)
    out.toByteArray
  }

  private def failure(bytes: Array[Byte], length: Long): FiresteelException =
    intercept[FiresteelException](TensorFile.open(new StoredFile("/out/x", length, new ByteArrayInputStream(bytes))))

  test("values come back bit for bit, in pieces of any size") {
    val whole = file(1 << 20)
    for (chunk <- chunks) {
      assert(file(chunk).sameElements(whole), s"written by $chunk bytes")
      val read = TensorFile.open(StoredFile.of("x", whole), chunk)
      assert(read.metadata == Map("key" -> "word"))
      read.check(layout.shapes)
      val (a, b, c) = (new Array[Float](8), Array(new Array[Byte](3), new Array[Byte](2)), new Array[Float](1))
      read.read(Map("a" -> Target.Floats(a, 1), "b" -> Target.Bytes(b), "c" -> Target.Floats(c)))
      assert(
        Runs.bits(a) == Runs.bits(0f +: floats :+ 0f) && b.toSeq.flatten == raw.toSeq.flatten && c.sameElements(
          Array(7f)
        )
      )
    }
  }

  test("tensors without a target are skipped, and a missing or different one is named") {
    val read = TensorFile.open(StoredFile.of("/out/x", file(8)), chunk = 8)
    val c = new Array[Float](1)
    def refusal(wanted: (String, Seq[Long])) = intercept[FiresteelException](read.check(Seq(wanted))).getMessage
    assert(refusal("e" -> Seq(1L)) == "/out/x: tensor e is missing")
    assert(refusal("a" -> Seq(3L, 2L)) == "/out/x: tensor a is F32 [2, 3], not F32 [3, 2]")
    read.read(Map("c" -> Target.Floats(c)))
    assert(c.head == 7f)
  }

  test("a length beyond the end of the file is refused before anything is allocated") {
    val whole = file(8)
    for (length <- Seq(-1L, Long.MaxValue, 100000001L, whole.length.toLong)) {
      val bytes = ByteBuffer.allocate(8).order(LITTLE_ENDIAN).putLong(length).array ++ whole.drop(8)
      assert(failure(bytes, whole.length.toLong).getMessage.startsWith("/out/x: not a safetensors file of "))
    }
    for (length <- Seq(0L, 7L)) assert(failure(whole, length).getMessage.startsWith("/out/x: not a safetensors file"))
    val e = failure(whole, whole.length + 4L)
    assert(
      e.kind == Kind.LAYOUT && e.getMessage.startsWith(s"/out/x: ${whole.length + 4} bytes, where the header says")
    )
  }

  test("a file that ends early, or cannot be read, is named with the tensor") {
    val whole = file(8)
    def reading(in: InputStream): FiresteelException = intercept[FiresteelException] {
      val read = TensorFile.open(new StoredFile("/out/x", whole.length.toLong, in), chunk = 8)
      read.read(Map("a" -> Target.Floats(new Array[Float](6))))
    }
    val short = reading(new ByteArrayInputStream(whole.dropRight(20)))
    assert(short.kind == Kind.IO && short.getMessage == "read /out/x")
    assert(short.getCause.getMessage == "the file ends within tensor a")
    val gone = reading(new InputStream { override def read(): Int = throw new IOException("gone") })
    assert(gone.kind == Kind.IO && gone.getMessage == "read /out/x" && gone.getCause.getMessage == "gone")
  }

  test("values whose length is not the layout's are not written") {
    val out = new ByteArrayOutputStream()
    intercept[FiresteelException](TensorFile.write(out, layout, Seq(Values.Floats(floats))))
    assert(out.size == 0)
  }
}
