// A seeded permutation of the row numbers 0 until n, computed for each row by itself, so that no machine needs a table.
// A Feistel network permutes 0 until 4^h, with the smallest h that makes this at least n. If the result is not below n,
// it is put through the network again until it is (cycle walking), which is still a permutation.
package io.firesteel.data

/** The same n and seed give the same permutation everywhere, always. */
private[data] final case class Permutation(n: Long, seed: Long) {
  require(n > 0, s"a permutation of $n rows")

  /** Bits of each half. There are fewer than 4 n numbers in 0 until 4^half, so few rows take more than 4 passes. */
  private val half: Int = math.max(1, (64 - java.lang.Long.numberOfLeadingZeros(n - 1) + 1) / 2)
  private val mask: Long = (1L << half) - 1

  /** The position of `row`, both in 0 until n. */
  def apply(row: Long): Long = {
    var position = feistel(row)
    while (position >= n) position = feistel(position)
    position
  }

  private def feistel(value: Long): Long = {
    var left = value >>> half
    var right = value & mask
    var round = 0
    while (round < Permutation.Rounds) {
      val next = left ^ (Permutation.mix(right, seed + round * Permutation.Golden) & mask)
      left = right
      right = next
      round += 1
    }
    (left << half) | right
  }
}

private[data] object Permutation {
  private val Rounds = 6 // 4 suffice for a strong pseudorandom permutation (Luby and Rackoff 1988)
  private val Golden = 0x9e3779b97f4a7c15L

  /** The finaliser of SplitMix64 (Steele, Lea, Flood 2014), keyed twice. */
  private def mix(value: Long, key: Long): Long = scramble(scramble(key + Golden) ^ (value * Golden))

  private def scramble(value: Long): Long = {
    var z = value
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL
    z ^ (z >>> 31)
  }
}
