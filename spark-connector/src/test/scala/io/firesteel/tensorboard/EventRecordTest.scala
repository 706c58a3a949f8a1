// Records against those that the package tensorboard 2.20.0 writes of the same messages. python/tests/test_tensorboard.py
// reads whole files with it.
package io.firesteel.tensorboard

import org.scalatest.funsuite.AnyFunSuite

class EventRecordTest extends AnyFunSuite {
  private def hex(bytes: Array[Byte]): String = bytes.map(byte => String.format("%02x", byte)).mkString

  test("the first record says the version") {
    assert(
      hex(EventRecord.version(1.5)) ==
        "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"
    )
  }

  test("scalars of a step have a tag each, and may be NaN") {
    assert(
      hex(EventRecord.scalars(1.5, 300, Seq("train/loss" -> 0.25, "eval/accuracy" -> Double.NaN))) ==
        "3700000000000000e7e8ca5909000000000000f83f10ac022a290a110a0a747261696e2f6c6f7373150000803e0a140a0d6576616c2f616363" +
        "7572616379150000c07f23bd6369"
    )
  }

  test("a run begins at a step, which may be beyond 32 bits") {
    assert(
      hex(EventRecord.begin(1.5, 1L << 40)) ==
        "14000000000000005e3d291509000000000000f83f108080808080203a0208015cf6af37"
    )
  }
}
