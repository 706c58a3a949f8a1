package io.firesteel.tensors

import io.firesteel.train.Runs
import org.scalatest.funsuite.AnyFunSuite

class PackedVectorTest extends AnyFunSuite {
  // Values that a conversion would change: negative zero, a NaN with a payload, subnormal numbers.
  private val values =
    Array(-0.0f, java.lang.Float.intBitsToFloat(0x7fc12345), Float.MinPositiveValue, 1f, -2.5f, 3e38f)

  test("the bytes keep every bit") {
    assert(Runs.bits(PackedVector.wrap(PackedVector(values).bytes.clone()).floats) == Runs.bits(values))
  }

  test("a part is packed, padded, and copied to its place") {
    val part = PackedVector(values, 2, 3)
    assert(part.length == 3)
    assert(part.padded(5).toSeq == Seq(Float.MinPositiveValue, 1f, -2.5f, 0f, 0f))
    val around = Array.fill(5)(9f)
    part.copyInto(around, 1)
    assert(around.toSeq == Seq(9f, Float.MinPositiveValue, 1f, -2.5f, 9f))
  }

  test("changing the array afterwards does not change the vector") {
    val source = values.clone()
    val packed = PackedVector(source)
    source(3) = 0f
    assert(packed.floats(3) == 1f)
  }
}
