// The test set on the driver, for runs whose workers occupy the task slots until the end. The records are in a temporary
// file, and an evaluation reads them in pieces, so that the driver's memory does not grow with the set.
package io.firesteel.train.workers

import io.firesteel.FiresteelException
import io.firesteel.data.PartitionedRows
import io.firesteel.jni.Kind
import io.firesteel.train.run.{MemoryCheck, Plan, Score}
import java.io.{EOFException, IOException}
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.StandardOpenOption.{READ, WRITE}
import scala.util.Using

/** Owns `file`, which contains `rows` records of the cache's format. */
private[train] final class SpooledTest private (
    file: FileChannel,
    rows: Long,
    cache: WorkerCache,
    normalizer: Array[Float],
    plan: Plan
) extends AutoCloseable {

  /** Accuracy and loss of the center's weights on all rows. The sums of the pieces are added in the order of the file. */
  def evaluate(center: Array[Float]): Score = {
    val weights = center.take(plan.length)
    WorkerScore.total((0L until rows by MemoryCheck.MaxDriverRows).map { from =>
      val until = math.min(from + MemoryCheck.MaxDriverRows, rows)
      Using.resource(cache.open(0, until - from)) { worker =>
        cache.fill(worker, records(from, until))
        worker.prepare(normalizer)
        WorkerScore.read(worker.evaluate(weights, plan.digest))
      }
    })
  }

  private def records(from: Long, until: Long): Iterator[Array[Byte]] =
    (from until until by PartitionedRows.ChunkRows.toLong).iterator.map { row =>
      val chunk =
        ByteBuffer.allocate(math.min(PartitionedRows.ChunkRows.toLong, until - row).toInt * cache.format.bytes)
      SpooledTest.reading {
        var at = row * cache.format.bytes
        while (chunk.hasRemaining) {
          val count = file.read(chunk, at)
          if (count < 0) throw new EOFException(s"the file ends at byte $at")
          at += count
        }
      }
      chunk.array
    }

  def close(): Unit = file.close()
}

private[train] object SpooledTest {

  /** Writes all `chunks` of records to a temporary file. It has no name any more, so that a killed driver leaves none. */
  def of(chunks: Iterator[Array[Byte]], cache: WorkerCache, normalizer: Array[Float], plan: Plan): SpooledTest =
    reading {
      val path = Files.createTempFile("firesteel-test-", ".records")
      val file = FileChannel.open(path, READ, WRITE)
      try {
        Files.delete(path) // the open file can still be used
        chunks.foreach { chunk =>
          val bytes = ByteBuffer.wrap(chunk)
          while (bytes.hasRemaining) file.write(bytes)
        }
        new SpooledTest(file, cache.counts.sum, cache, normalizer, plan)
      } catch {
        case e: Throwable =>
          file.close()
          throw e
      }
    }

  private def reading[A](body: => A): A =
    try body
    catch {
      case e: IOException =>
        val directory = System.getProperty("java.io.tmpdir")
        throw new FiresteelException(Kind.IO, s"the test set's temporary file in $directory", e)
    }
}
