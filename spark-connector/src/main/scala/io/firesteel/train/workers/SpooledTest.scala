// The test set on the driver, for runs whose workers occupy the task slots until the end. The records are in a temporary
// file, and an evaluation reads them in pieces, so that the driver's memory does not grow with the set.
package io.firesteel.train.workers

import io.firesteel.FiresteelException
import io.firesteel.jni.{Kind, Worker}
import io.firesteel.tensors.PackedVector
import io.firesteel.train.run.{MemoryCheck, Plan, Score}
import java.io.{EOFException, IOException}
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.StandardOpenOption.{READ, WRITE}
import scala.util.Using

/** A chunk of records in the file: where it begins, its bytes and its rows. */
private final case class SpooledChunk(at: Long, bytes: Int, rows: Int)

/** Owns `file`, which contains `chunks` of records of the cache's format. */
private[train] final class SpooledTest private (
    file: FileChannel,
    chunks: IndexedSeq[SpooledChunk],
    cache: WorkerCache,
    normalizer: Array[Float],
    plan: Plan
) extends AutoCloseable {

  @volatile private var evaluating = Option.empty[Worker]

  /** Accuracy and loss of the center's weights on all rows. The sums of the pieces are added in the order of the file. */
  def evaluate(center: PackedVector): Score = {
    val weights = center.first(plan.length).bytes
    WorkerScore.total(pieces.map { piece =>
      Using.resource(cache.open(0, piece.map(_.rows.toLong).sum)) { worker =>
        cache.fill(worker, piece.iterator.map(read))
        worker.prepare(normalizer)
        evaluating = Some(worker)
        WorkerScore.read(worker.evaluate(weights, plan.digest))
      }
    })
  }

  /** Ends an evaluation under way with a failure of kind cancelled. It may be between two pieces and go on. */
  def cancel(): Unit = evaluating.foreach(_.cancel())

  /** Chunks of about as many rows together as the driver may have in memory: those that begin in the same range. */
  private val pieces: Seq[IndexedSeq[SpooledChunk]] = {
    val starts = chunks.scanLeft(0L)(_ + _.rows)
    val most = MemoryCheck.maxDriverRows(plan.config)
    chunks.zip(starts).groupBy { case (_, start) => start / most }.toSeq.sortBy(_._1).map { case (_, piece) =>
      piece.map(_._1)
    }
  }

  private def read(chunk: SpooledChunk): Array[Byte] = SpooledTest.reading {
    val bytes = ByteBuffer.allocate(chunk.bytes)
    while (bytes.hasRemaining) {
      val at = chunk.at + bytes.position
      if (file.read(bytes, at) < 0) throw new EOFException(s"the file ends at byte $at")
    }
    bytes.array
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
        val written = chunks.map { chunk =>
          val at = file.position
          val bytes = ByteBuffer.wrap(chunk)
          while (bytes.hasRemaining) file.write(bytes)
          SpooledChunk(at, chunk.length, cache.format.rows(chunk))
        }
        new SpooledTest(file, written.toIndexedSeq, cache, normalizer, plan)
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
