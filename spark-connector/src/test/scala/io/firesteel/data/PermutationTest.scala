// The seeded permutation of rows.
package io.firesteel.data

import org.scalatest.funsuite.AnyFunSuite

class PermutationTest extends AnyFunSuite {
  private val sizes = Seq(1L, 2L, 3L, 4L, 5L, 16L, 17L, 255L, 256L, 1000L, 65536L)

  test("every row has a position of its own") {
    for (n <- sizes; seed <- Seq(0L, 1L, -7L))
      assert((0L until n).map(Permutation(n, seed)(_)).sorted == (0L until n), s"n $n seed $seed")
  }

  test("the same seed gives the same order and another seed another") {
    val order = (seed: Long) => (0L until 1000L).map(Permutation(1000, seed)(_))
    assert(order(3) == order(3))
    assert(order(3) != order(4))
  }

  test("the order does not change between versions, since checkpoints depend on it") {
    assert((0L until 8L).map(Permutation(50000, 0)(_)) == Seq(15995, 29443, 31051, 31757, 41092, 19525, 31553, 35240))
  }

  test("partitions differ by one row at most") {
    for (n <- Seq(1L, 7L, 100L, 1001L); partitions <- Seq(1, 2, 3, 7)) {
      val partitioner = new RowPartitioner(n, partitions, seed = 5)
      val counts = (0L until n).groupBy(partitioner.getPartition(_)).view.mapValues(_.size).toMap
      val sizes = (0 until partitions).map(counts.getOrElse(_, 0))
      assert(sizes.sum == n && sizes.max - sizes.min <= 1, s"n $n: $sizes")
    }
  }

  test("consecutive rows go to all partitions") {
    val partitioner = new RowPartitioner(50000, 4, seed = 0)
    val counts = (0L until 1000L).groupBy(partitioner.getPartition(_)).values.map(_.size)
    assert(counts.size == 4 && counts.min > 200, counts)
  }
}
