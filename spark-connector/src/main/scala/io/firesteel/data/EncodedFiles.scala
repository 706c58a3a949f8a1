// Image files as records, each file one. Many small files are read by one task, and the executors read them.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.files.FileSystems
import io.firesteel.jni.Kind
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.Path
import org.apache.spark.util.SerializableConfiguration
import org.apache.spark.{InterruptibleIterator, SparkContext, TaskContext}
import scala.util.Using

/** @param name path below the folder of the classes
  * @param bytes length of the file when it was listed
  */
private[firesteel] final case class EncodedFile(name: String, label: Int, bytes: Int)

/** Files that one task reads, rows `first` and following; `root` is the folder of the classes. */
private[firesteel] final case class EncodedGroup(root: String, first: Long, files: IndexedSeq[EncodedFile]) {
  def path(file: EncodedFile): String = s"$root/${file.name}"

  /** The content of `file`.
    *
    * @throws FiresteelException of kind data for a file whose length is not that of the listing, otherwise as
    *   [[ReadFailure.told]]
    */
  def read(file: EncodedFile, conf: Configuration): Array[Byte] = ReadFailure.told(path(file)) {
    val opened = new Path(path(file))
    Using.resource(FileSystems.of(opened, conf).open(opened)) { in =>
      val content = new Array[Byte](file.bytes)
      if (in.readNBytes(content, 0, file.bytes) < file.bytes || in.read() >= 0)
        throw new FiresteelException(
          Kind.DATA,
          s"${path(file)} has changed: it had ${file.bytes} bytes when the folder was listed"
        )
      content
    }
  }
}

/** All files of a training, validation or test set in the order of their rows. */
private[firesteel] final case class EncodedFiles(folder: Path, files: IndexedSeq[EncodedFile]) {
  private val root = folder.toString.stripSuffix("/") // the root of a bucket ends in one

  def path(row: Long): String = s"$root/${files(row.toInt).name}"

  /** The files, divided into groups of about the size that [[TaskSize]] says. */
  def groups(parallelism: Int): IndexedSeq[EncodedGroup] = {
    val ends = files.iterator.map(EncodedFiles.weight).scanLeft(0L)(_ + _).drop(1).toArray
    val size = TaskSize.bytes(ends.last, parallelism)
    val starts = files.indices.filter(at => at == 0 || (ends(at) - 1) / size > (ends(at - 1) - 1) / size)
    starts.zip(starts.drop(1) :+ files.length).map { case (start, end) =>
      EncodedGroup(root, start.toLong, files.slice(start, end))
    }
  }

  def source(sc: SparkContext, names: IndexedSeq[String]): ImageSource = {
    val conf = sc.broadcast(new SerializableConfiguration(sc.hadoopConfiguration))
    val divided = groups(sc.defaultParallelism)
    val records = sc.makeRDD(divided, divided.length).flatMap { group =>
      val read = group.files.iterator.zipWithIndex.map { case (file, at) =>
        group.first + at -> ImageRecords.record(file.label, group.read(file, conf.value.value))
      }
      new InterruptibleIterator(TaskContext.get(), read)
    }
    ImageSource(records, files.length.toLong, names.length, RecordFormat.Encoded(), path, names)
  }
}

private[data] object EncodedFiles {

  /** Added to each file's length: opening a file takes as long as reading about this many bytes from a local disk. */
  private val OpenBytes = 16L << 10

  private def weight(file: EncodedFile): Long = file.bytes + OpenBytes
}
