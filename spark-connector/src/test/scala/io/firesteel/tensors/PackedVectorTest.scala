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

  test("zeros follow the values, and the first values are a vector of their own") {
    val padded = PackedVector.padded(Array(1f, -2.5f), 4)
    assert(padded.length == 4 && padded.floats.toSeq == Seq(1f, -2.5f, 0f, 0f))
    assert(padded.first(2).floats.toSeq == Seq(1f, -2.5f))
    assert(padded.first(4) eq padded)
    assert(PackedVector.empty.isEmpty && !padded.isEmpty)
  }

  test("the first value that is no finite number is found") {
    assert(PackedVector(Array(1f, Float.MaxValue, -0f)).firstNotFinite.isEmpty)
    for (broken <- Seq(Float.PositiveInfinity, Float.NegativeInfinity))
      assert(PackedVector(Array(1f, broken, Float.NaN)).firstNotFinite.contains(1 -> broken))
    assert(PackedVector(values).firstNotFinite.exists { case (at, value) => at == 1 && value.isNaN })
  }

  test("changing the array afterwards does not change the vector") {
    val source = values.clone()
    val packed = PackedVector(source)
    source(3) = 0f
    assert(packed.floats(3) == 1f)
  }
}
