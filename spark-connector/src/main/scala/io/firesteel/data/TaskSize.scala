// How much one task reads.
package io.firesteel.data

private[firesteel] object TaskSize {
  private val Most = 16L << 20 // bytes: at the rates of object stores, some 100 MB/s, a task is not mostly its start

  /** The bytes that a task should read where `total` bytes are read in all: a share of `parallelism`, 16 MiB at most. */
  def bytes(total: Long, parallelism: Int): Long = math.min(Most, math.max(1, share(total, parallelism)))

  /** The same in rows of `each` bytes. */
  def rows(count: Long, each: Int, parallelism: Int): Int =
    math.max(1, math.min(share(count, parallelism), Most / each)).toInt

  private def share(total: Long, parallelism: Int): Long = (total + parallelism - 1) / parallelism
}
