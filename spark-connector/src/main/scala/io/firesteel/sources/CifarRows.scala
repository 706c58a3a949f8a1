// CIFAR's files as rows of a table. A record's place in its file is known, so a file is divided into ranges of records.
package io.firesteel.sources

import io.firesteel.FiresteelException
import io.firesteel.data.{CifarFile, ReadFailure, TaskSize}
import io.firesteel.files.FileSystems
import io.firesteel.jni.Kind
import java.io.EOFException
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.Path

private[sources] final class CifarRows(val name: String, files: Seq[CifarFile], val names: IndexedSeq[String])
    extends Rows {
  def count: Long = files.map(_.rows).sum

  def imageBytes: Long = files.map(file => file.rows * file.format.bytes).sum

  def slices(parallelism: Int): Seq[Slice] = files.flatMap { file =>
    val most = TaskSize.rows(count, file.format.bytes, parallelism)
    (0L until file.rows by most.toLong).map(start =>
      CifarSlice(file, start, math.min(most.toLong, file.rows - start).toInt)
    )
  }
}

/** Records `start` and following of a file. */
private final case class CifarSlice(file: CifarFile, start: Long, rows: Int) extends Slice {
  def take(most: Int): Slice = copy(rows = most)

  def open(conf: Configuration, wanted: Wanted): SliceReader = new SliceReader {
    private val format = file.format
    private val record = new Array[Byte](if (wanted.image) format.bytes else format.labelBytes)
    private lazy val in = ReadFailure.told(file.path) {
      val path = new Path(file.path)
      FileSystems.of(path, conf).open(path)
    }
    private var opened = false

    def read(at: Int): Cells = {
      val row = file.first + start + at
      if (!wanted.image && !wanted.label) Cells(null, 0, file.path, row)
      else {
        fill((start + at) * format.bytes)
        val label = file.label(row, record)
        val image =
          if (wanted.image) ImageColumn.color(file.path, format.height, format.width, record, format.labelBytes)
          else null
        Cells(image, label, file.path, row)
      }
    }

    /** Reads the record at this place of the file, or only its label. */
    private def fill(place: Long): Unit = ReadFailure.told(file.path) {
      opened = true
      val whole =
        try {
          in.seek(place)
          in.readNBytes(record, 0, record.length) == record.length
        } catch { case _: EOFException => false } // a file that ends before `place` cannot be positioned there
      if (!whole)
        throw new FiresteelException(
          Kind.DATA,
          s"${file.path} ends before byte ${place + record.length}: it has changed"
        )
    }

    def close(): Unit = if (opened) in.close()
  }
}
