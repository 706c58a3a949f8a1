// The workers' partitions: the rows of a source, divided once at random by a seed, and kept as chunks of raw records on
// the executors' disks. Chunks are only read to build a worker, which holds its rows in native memory.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.rdd.RDD
import org.apache.spark.storage.StorageLevel
import org.apache.spark.{Partition, Partitioner, TaskContext}
import scala.reflect.ClassTag

/** @param kept partition k has the rows of worker k in the order of their numbers, in chunks of at most
  *   `PartitionedRows.ChunkRows` records without gaps; persisted on disk
  * @param counts rows of each partition
  * @param locations preferred locations of a partition's tasks, evaluated for each job; empty leaves them to Spark
  */
final case class PartitionedRows(
    kept: RDD[Array[Byte]],
    counts: IndexedSeq[Long],
    format: RecordFormat,
    locations: Int => Seq[String] = PartitionedRows.anywhere
) {

  /** The same chunks, for jobs that find most workers built: a partition is opened only if its chunks are used. */
  val chunks: RDD[Array[Byte]] = new OnDemand(kept, locations)

  /** How many partitions there are. */
  def partitions: Int = counts.length

  /** Deletes the partitions from the executors' disks. */
  def unpersist(): Unit = kept.unpersist()
}

object PartitionedRows {

  /** At most this many rows are in one chunk, which is copied to native memory at once: 3 MB of CIFAR. */
  val ChunkRows = 1024

  /** A chunk ends with the row that brings it to this size. */
  private val ChunkBytes = 4 << 20

  /** No preferred locations. */
  val anywhere: Int => Seq[String] = _ => Nil

  /** Just runs the job. */
  val directly: (=> Array[Long]) => Array[Long] = job => job

  /** Divides the rows of `source` among `partitions` partitions, whose sizes differ by at most one row, and waits until
    * they are on disk. One partition has the rows in the order of the files. With more partitions than rows some are
    * empty.
    *
    * @param locations of [[PartitionedRows]]
    * @param submit runs the job that does this, more than once if it must
    */
  def build(
      source: ImageSource,
      partitions: Int,
      seed: Long,
      locations: Int => Seq[String] = anywhere,
      submit: (=> Array[Long]) => Array[Long] = directly
  ): PartitionedRows = {
    val format = source.format
    val divided = source.records
      .repartitionAndSortWithinPartitions(new RowPartitioner(source.rows, partitions, seed))
      .mapPartitions(chunked(_, format))
    val kept = new OnDemand(divided, locations)
      .mapPartitions(chunks => chunks, preservesPartitioning = true) // of Spark's class: they log under its name
      .setName(s"${format.name}: ${source.rows} rows in $partitions partitions")
      .persist(StorageLevel.DISK_ONLY)
    val counts =
      try
        FiresteelException.unwrapping(submit {
          kept.mapPartitions(partition => Iterator(partition.map(format.rows(_).toLong).sum)).collect()
        })
      catch {
        case e: Throwable => // an interruption, too
          kept.unpersist()
          throw e
      }
    if (counts.sum != source.rows)
      throw new FiresteelException(
        Kind.DATA,
        s"read ${counts.sum} rows of ${source.rows}: the files changed while they were read"
      )
    PartitionedRows(kept, counts.toIndexedSeq, format, locations)
  }

  private def chunked(rows: Iterator[(Long, Array[Byte])], format: RecordFormat): Iterator[Array[Byte]] =
    new Iterator[Array[Byte]] {
      def hasNext: Boolean = rows.hasNext

      def next(): Array[Byte] = {
        val group = IndexedSeq.newBuilder[(Long, Array[Byte])]
        var (count, bytes) = (0, 0L)
        while (rows.hasNext && count < ChunkRows && bytes < ChunkBytes) {
          val row = rows.next()
          group += row
          count += 1
          bytes += row._2.length
        }
        format.chunk(group.result())
      }
    }
}

/** The partitions of `parent`, each opened only when a task asks for its first element. Otherwise Spark would open the
  * cached block (a file and a deserializer) in each round, although rounds do not read it. Tasks prefer `locations` to
  * the executor in which the parent is cached.
  */
private[data] final class OnDemand[A: ClassTag](parent: RDD[A], @transient private val locations: Int => Seq[String])
    extends RDD[A](parent) {
  protected def getPartitions: Array[Partition] = firstParent[A].partitions

  override protected def getPreferredLocations(split: Partition): Seq[String] = locations(split.index)

  def compute(split: Partition, context: TaskContext): Iterator[A] =
    Iterator.single(split).flatMap(firstParent[A].iterator(_, context))
}

/** Divides the permuted row numbers into ranges of equal size, one for each partition. */
private[data] final class RowPartitioner(rows: Long, val numPartitions: Int, seed: Long) extends Partitioner {
  private val permutation = Permutation(rows, seed)

  def getPartition(key: Any): Int =
    (Math.multiplyExact(permutation(key.asInstanceOf[Long]), numPartitions.toLong) / rows).toInt

  override def equals(other: Any): Boolean = other match {
    case that: RowPartitioner => that.numPartitions == numPartitions && that.key == key
    case _                    => false
  }

  override def hashCode: Int = (key, numPartitions).hashCode

  private def key: (Long, Long) = (rows, seed)
}
