// Idx files as rows of a table. A packed file is read by one task; others are divided into ranges of rows.
package io.firesteel.sources

import io.firesteel.data.{IdxPair, IdxStream, ReadFailure, TaskSize}
import io.firesteel.files.FileSystems
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.Path

private[sources] final class IdxRows(val name: String, pair: IdxPair) extends Rows {
  private val (images, labels) = (pair.imagesPath.toString, pair.labelsPath.toString)
  private val (height, width) = (pair.format.height, pair.format.width)
  private val pixels = height * width

  def names: IndexedSeq[String] = IndexedSeq.empty

  def count: Long = pair.rows.toLong

  def imageBytes: Long = count * pixels

  def slices(parallelism: Int): Seq[Slice] = {
    val packed = Seq(images, labels).exists(_.endsWith(".gz"))
    val most = if (packed) pair.rows else TaskSize.rows(count, pixels, parallelism)
    (0 until pair.rows by most).map { start =>
      IdxSlice(images, labels, height, width, start, math.min(most, pair.rows - start))
    }
  }
}

/** Rows `start` and following of two files. */
private final case class IdxSlice(images: String, labels: String, height: Int, width: Int, start: Int, rows: Int)
    extends Slice {
  private def pixels: Int = height * width

  def take(most: Int): Slice = copy(rows = most)

  def open(conf: Configuration, wanted: Wanted): SliceReader = new SliceReader {
    private val labelStream = Option.when(wanted.label)(stream(labels, rank = 1, start.toLong, conf))
    private val imageStream =
      try Option.when(wanted.image)(stream(images, rank = 3, start.toLong * pixels, conf))
      catch {
        case e: Throwable =>
          labelStream.foreach(_.close())
          throw e
      }
    private val label = new Array[Byte](1)

    def read(at: Int): Cells = {
      labelStream.foreach(_.fill(label, 0, 1))
      val image = imageStream.map { stream =>
        val data = new Array[Byte](pixels) // a row may be kept, so each has its own
        stream.fill(data, 0, pixels)
        ImageColumn.grey(images, height, width, data)
      }
      Cells(image.orNull, label(0) & 0xff, images, (start + at).toLong)
    }

    def close(): Unit = (labelStream ++ imageStream).foreach(_.close())
  }

  /** A file behind its header and `skipped` bytes. */
  private def stream(file: String, rank: Int, skipped: Long, conf: Configuration): IdxStream = {
    val path = new Path(file)
    val stream = new IdxStream(file, ReadFailure.told(file)(FileSystems.of(path, conf).open(path)))
    try {
      stream.skipHeader(rank)
      stream.skip(skipped)
      stream
    } catch {
      case e: Throwable =>
        stream.close()
        throw e
    }
  }
}
