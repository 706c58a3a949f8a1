// The partitions of the workers: a source's rows dealt out once, at random but the same for the same seed, and kept on
// the executors' disks as raw chunks. Images in use live in native memory; chunks are read when a worker is built.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.rdd.RDD
import org.apache.spark.storage.StorageLevel
import org.apache.spark.{Partition, Partitioner, TaskContext}
import scala.reflect.ClassTag

/** @param kept partition k holds worker k's rows, sorted by number, as records back to back, at most
  *   `Shards.ChunkRows` a chunk; persisted on disk
  * @param counts rows of each partition
  * @param locations where each partition's tasks want to run, asked for each job; empty leaves it to Spark
  */
final case class Shards(
    kept: RDD[Array[Byte]],
    counts: IndexedSeq[Long],
    format: RecordFormat,
    locations: Int => Seq[String] = Shards.anywhere
) {

  /** The same, for jobs that mostly find their rows in native memory already. */
  val chunks: RDD[Array[Byte]] = new OnDemand(kept, locations)

  /** How many partitions there are. */
  def partitions: Int = counts.length

  /** Frees the executors' disks. */
  def unpersist(): Unit = kept.unpersist()
}

object Shards {

  /** Rows of one chunk: 3 MB of CIFAR, which is what crosses to native memory at a time. */
  val ChunkRows = 1024

  /** Leaves it to Spark where tasks run. */
  val anywhere: Int => Seq[String] = _ => Nil

  /** Runs a job at once, as it is. */
  val directly: (=> Array[Long]) => Array[Long] = job => job

  /** Deals `source` out over `partitions`, whose sizes differ by one row at most, and waits until it lies on disk. With
    * one partition the rows are in file order. More partitions than rows leaves some empty.
    *
    * @param locations of [[Shards]]
    * @param submit runs the one job of it, which may be done again
    */
  def build(
      source: ImageSource,
      partitions: Int,
      seed: Long,
      locations: Int => Seq[String] = anywhere,
      submit: (=> Array[Long]) => Array[Long] = directly
  ): Shards = {
    val format = source.format
    val dealt = source.records
      .repartitionAndSortWithinPartitions(new ShardPartitioner(source.rows, partitions, seed))
      .mapPartitions(chunked(_, format.bytes))
    val kept = new OnDemand(dealt, locations)
      .mapPartitions(chunks => chunks, preservesPartitioning = true) // of Spark's class: they log under its name
      .setName(s"${format.name}: ${source.rows} rows in $partitions partitions")
      .persist(StorageLevel.DISK_ONLY)
    val counts = FiresteelException.unwrapping(submit {
      kept.mapPartitions(partition => Iterator(partition.map(_.length.toLong / format.bytes).sum)).collect()
    })
    if (counts.sum != source.rows)
      throw new FiresteelException(
        Kind.DATA,
        s"read ${counts.sum} rows of ${source.rows}: the files changed while they were read"
      )
    Shards(kept, counts.toIndexedSeq, format, locations)
  }

  private def chunked(rows: Iterator[(Long, Array[Byte])], bytes: Int): Iterator[Array[Byte]] =
    rows.grouped(ChunkRows).map { group =>
      val chunk = new Array[Byte](group.length * bytes)
      group.iterator.zipWithIndex.foreach { case ((_, record), i) =>
        System.arraycopy(record, 0, chunk, i * bytes, bytes)
      }
      chunk
    }
}

/** A parent's partitions, where Spark opens a parent's block (a file, a deserialiser) only when a task asks for its first
  * element: a round that does not would pay for it all the same. While it is not cached itself, its tasks go to `locations`,
  * wherever its parent is cached.
  */
private[data] final class OnDemand[A: ClassTag](parent: RDD[A], @transient private val locations: Int => Seq[String])
    extends RDD[A](parent) {
  protected def getPartitions: Array[Partition] = firstParent[A].partitions

  override protected def getPreferredLocations(split: Partition): Seq[String] = locations(split.index)

  def compute(split: Partition, context: TaskContext): Iterator[A] =
    Iterator.single(split).flatMap(firstParent[A].iterator(_, context))
}

/** Sends a row to the partition in which its place in the permutation lies. */
private[data] final class ShardPartitioner(rows: Long, val numPartitions: Int, seed: Long) extends Partitioner {
  private val permutation = Permutation(rows, seed)

  def getPartition(key: Any): Int =
    (Math.multiplyExact(permutation(key.asInstanceOf[Long]), numPartitions.toLong) / rows).toInt

  override def equals(other: Any): Boolean = other match {
    case that: ShardPartitioner => that.numPartitions == numPartitions && that.key == key
    case _                      => false
  }

  override def hashCode: Int = (key, numPartitions).hashCode

  private def key: (Long, Long) = (rows, seed)
}
