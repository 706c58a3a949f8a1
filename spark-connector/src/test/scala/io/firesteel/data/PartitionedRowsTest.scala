// How rows are divided among the workers.
package io.firesteel.data

import io.firesteel.TestSpark
import org.apache.spark.rdd.RDD
import org.apache.spark.{Partition, SparkContext, SparkException, TaskContext}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class PartitionedRowsTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private def rows(partitioned: PartitionedRows): Seq[Seq[Seq[Byte]]] =
    partitioned.chunks.glom().collect().toSeq.map(_.toSeq.flatMap(_.grouped(RecordFormat.Idx(2, 2).bytes).map(_.toSeq)))

  /** Rows that contain their own number. */
  private def numbered(rows: Int): ImageSource = {
    val format = RecordFormat.Idx(2, 2)
    val records =
      sc.parallelize(0 until rows, 3).map(row => row.toLong -> Array[Byte](1, (row >> 8).toByte, row.toByte, 0, 0))
    ImageSource(records, rows.toLong, 2, format, _.toString)
  }

  private def number(record: Seq[Byte]): Int = (record(1) & 0xff) << 8 | record(2) & 0xff

  test("every row is in exactly one partition, in order within it") {
    val partitioned = PartitionedRows.build(numbered(2500), partitions = 3, seed = 7)
    val found = rows(partitioned).map(_.map(number))
    assert(found.flatten.sorted == (0 until 2500))
    assert(found.forall(partition => partition == partition.sorted))
    assert(partitioned.counts == found.map(_.size.toLong) && partitioned.counts.max - partitioned.counts.min <= 1)
    assert(partitioned.chunks.collect().map(_.length).max <= PartitionedRows.ChunkRows * RecordFormat.Idx(2, 2).bytes)
    partitioned.unpersist()
  }

  test("one partition has the rows in file order") {
    val partitioned = PartitionedRows.build(numbered(1500), partitions = 1, seed = 7)
    assert(rows(partitioned).flatten.map(number) == (0 until 1500))
    partitioned.unpersist()
  }

  test("more partitions than rows leaves some empty") {
    val partitioned = PartitionedRows.build(numbered(2), partitions = 4, seed = 7)
    assert(partitioned.counts.sorted == Seq(0L, 0L, 1L, 1L))
    partitioned.unpersist()
  }

  test("a job that reads no chunk opens no block, and one that does gets them all") {
    val closed = new OnDemand(new Unreadable(sc), PartitionedRows.anywhere)
    assert(sc.runJob(closed, (_: Iterator[Int]) => 7).toSeq == Seq(7, 7))
    assert(intercept[SparkException](closed.count()).getMessage.contains("opened"))
    assert(new OnDemand(sc.parallelize(1 to 9, 3), PartitionedRows.anywhere).collect().toSeq == (1 to 9))
  }

  test("chunks lie on disk once they are built") {
    val partitioned = PartitionedRows.build(numbered(100), partitions = 2, seed = 7)
    val info = sc.getRDDStorageInfo.find(_.id == partitioned.kept.id).get
    assert(info.numCachedPartitions == 2 && info.diskSize > 0 && info.memSize == 0)
    partitioned.unpersist()
  }
}

/** Two partitions that must not be opened; not a member of the suite, which cannot be serialized. */
private final class Unreadable(sc: SparkContext) extends RDD[Int](sc, Nil) {
  protected def getPartitions: Array[Partition] = Array.tabulate(2)(at => new Partition { def index: Int = at })

  def compute(split: Partition, context: TaskContext): Iterator[Int] = throw new IllegalStateException("opened")
}
