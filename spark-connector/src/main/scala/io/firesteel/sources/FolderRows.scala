// Class folders as rows of a table. An image is the content of its file: it is decoded in training, by native code.
package io.firesteel.sources

import io.firesteel.data.{EncodedFiles, EncodedGroup}
import org.apache.hadoop.conf.Configuration

private[sources] final class FolderRows(val name: String, files: EncodedFiles, val names: IndexedSeq[String])
    extends Rows {
  def count: Long = files.files.length.toLong

  val imageBytes: Long = files.files.iterator.map(_.bytes.toLong).sum

  def slices(parallelism: Int): Seq[Slice] = files.groups(parallelism).map(FolderSlice(_))
}

private final case class FolderSlice(group: EncodedGroup) extends Slice {
  def rows: Int = group.files.length

  def take(most: Int): Slice = FolderSlice(group.copy(files = group.files.take(most)))

  def open(conf: Configuration, wanted: Wanted): SliceReader = new SliceReader {
    def read(at: Int): Cells = {
      val file = group.files(at)
      Cells(if (wanted.image) group.read(file, conf) else null, file.label, group.path(file), group.first + at)
    }

    def close(): Unit = ()
  }
}
