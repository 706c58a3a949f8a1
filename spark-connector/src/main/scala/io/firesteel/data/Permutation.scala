// A seeded bijection of the row numbers 0 until n, computed row by row: the shuffle needs no table on any machine.
// A Feistel network permutes the smallest square power of two that holds n; a number that lands outside of the rows
// is sent through again until it lands inside (cycle walking), which keeps it a bijection.
package io.firesteel.data

/** The same n and seed give the same permutation everywhere, always. */
private[data] final case class Permutation(n: Long, seed: Long) {
  require(n > 0, s"a permutation of $n rows")

  /** Bits of each half; the domain of 4^half numbers is less than 4 n, so that few walks take more than 4 turns. */
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
  private val Rounds = 6 // Luby and Rackoff need 4 for a strong pseudorandom permutation
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
