// An estimate of the memory that a run takes, made before it begins.
package io.firesteel

/** What a run takes, in bytes.
  *
  * @param worker native memory of one worker at its peak
  * @param process native memory of a process with workers: this one in local Spark, else an executor
  * @param driverHeap vectors on the driver's heap
  * @param local whether Spark is local, with all workers in this process
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
