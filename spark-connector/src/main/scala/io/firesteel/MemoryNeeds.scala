// The memory that a run takes, as it was estimated before the run began.
package io.firesteel

/** What a run takes, in bytes.
  *
  * @param worker native memory of one worker at its peak
  * @param process native memory of the process whose tasks are workers: this one in local Spark, else an executor
  * @param driverHeap of vectors on the driver's heap
  * @param warning what may not fit, and what to change
  */
case class MemoryNeeds(worker: Long, process: Long, driverHeap: Long, local: Boolean, warning: Option[String]) {

  /** For people. */
  def text: String = {
    val where = if (local) "beside the heap" else "in each executor beside its heap"
    s"about ${MemoryNeeds.text(worker)} a worker, ${MemoryNeeds.text(process)} $where, " +
      s"${MemoryNeeds.text(driverHeap)} of vectors on the driver's heap"
  }
}

private[firesteel] object MemoryNeeds {

  /** Bytes in the unit that fits. */
  def text(bytes: Long): String =
    if (bytes < (1L << 30)) s"${mebibytes(bytes)} MiB"
    else String.format(java.util.Locale.ROOT, "%.1f GiB", bytes.toDouble / (1L << 30))

  /** Bytes in MiB, rounded up. */
  def mebibytes(bytes: Long): Long = (bytes + (1L << 20) - 1) >> 20
}
