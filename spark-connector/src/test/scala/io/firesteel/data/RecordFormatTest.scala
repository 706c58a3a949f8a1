// The bytes and the JSON of records, as the engine reads them.
package io.firesteel.data

import java.nio.{ByteBuffer, ByteOrder}
import org.scalatest.funsuite.AnyFunSuite

class RecordFormatTest extends AnyFunSuite {
  private val image = "image".getBytes

  test("a record is label, weight where there is one, and image; a chunk has row number and length before it") {
    val plain = ImageRecords.record(300, image)
    val weighted = ImageRecords.record(300, 0.25f, image)
    assert(plain.toSeq == Seq[Byte](44, 1, 0, 0) ++ image)
    assert(weighted.toSeq == Seq[Byte](44, 1, 0, 0) ++ Seq[Byte](0, 0, 0x80.toByte, 0x3e) ++ image)
    for ((format, record) <- Seq(RecordFormat.Encoded() -> plain, RecordFormat.Pixels(weighted = true) -> weighted)) {
      val chunk = format.chunk(Seq(7L -> record, 9L -> record))
      val bytes = ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN)
      assert((bytes.getLong, bytes.getInt) == ((7L, record.length)))
      assert(chunk.slice(12, 12 + record.length).toSeq == record.toSeq)
      assert(format.rows(chunk) == 2)
    }
  }

  test("the engine's names of the formats tell of weights only where there are some") {
    assert(RecordFormat.Encoded().json.toString == """{"format":"encoded"}""")
    assert(RecordFormat.Pixels().json.toString == """{"format":"pixels"}""")
    assert(RecordFormat.Encoded(weighted = true).json.toString == """{"format":"encoded","weighted":true}""")
    assert(RecordFormat.Pixels(weighted = true).json.toString == """{"format":"pixels","weighted":true}""")
  }
}
