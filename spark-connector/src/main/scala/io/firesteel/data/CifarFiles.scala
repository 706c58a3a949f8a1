// CIFAR-10 and CIFAR-100 in their authors' binary format, https://www.cs.toronto.edu/~kriz/cifar.html. sc.binaryRecords
// reads the same records, but without their positions. Hadoop's input format gives the byte offset of each record, from
// which its row number is computed without a job that counts rows.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import java.util.Arrays
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.io.{BytesWritable, LongWritable}
import org.apache.hadoop.mapreduce.lib.input.FixedLengthInputFormat
import org.apache.spark.SparkContext
import org.apache.spark.rdd.RDD

private[data] sealed abstract class CifarFiles(format: RecordFormat, classes: Int) extends ImageFiles.Reader {
  def name: String = format.name

  /** Names of the training files in the order of their rows. */
  protected def training(directory: DataDirectory): Seq[String]

  protected def testing: String

  def found(directory: DataDirectory): Boolean = training(directory).nonEmpty

  def open(sc: SparkContext, directory: DataDirectory): ImageFiles = {
    val test = Seq(testing).filter(directory.has)
    ImageFiles(
      name,
      source(sc, directory, training(directory)),
      Option.when(test.nonEmpty)(source(sc, directory, test))
    )
  }

  private def source(sc: SparkContext, directory: DataDirectory, names: Seq[String]): ImageSource = {
    val counts = names.map(rows(directory, _))
    val starts = counts.scanLeft(0L)(_ + _)
    val files = names.zip(starts).map { case (name, first) => CifarFile(directory.file(name).toString, format, first) }
    val records = sc.union(files.map(_.records(sc, classes)))
    ImageSource(records, starts.last, classes, format, row => files.findLast(_.first <= row).fold("")(_.locate(row)))
  }

  private def rows(directory: DataDirectory, file: String): Long = {
    val (path, length) = (directory.file(file), directory.length(file))
    def fail(what: String) = throw new FiresteelException(Kind.DATA, s"read CIFAR batch $path: $what")
    if (length == 0) fail("the file is empty")
    if (length % format.bytes != 0) fail(s"$length bytes is not a multiple of ${format.bytes}, a record's")
    length / format.bytes
  }
}

private[data] object CifarFiles {
  case object Cifar10 extends CifarFiles(RecordFormat.Cifar10, classes = 10) {
    private val Batch = """data_batch_(\d{1,9})\.bin""".r

    def lookedFor: String = "data_batch_1.bin (and so on), test_batch.bin"

    protected def testing: String = "test_batch.bin"

    protected def training(directory: DataDirectory): Seq[String] =
      directory.names.collect { case name @ Batch(number) => number.toInt -> name }.sorted.map(_._2)
  }

  case object Cifar100 extends CifarFiles(RecordFormat.Cifar100, classes = 100) {
    def lookedFor: String = "train.bin, test.bin"

    protected def testing: String = "test.bin"

    protected def training(directory: DataDirectory): Seq[String] = Seq("train.bin").filter(directory.has)
  }
}

/** One file of records; its first record is row `first` of the training or test set. */
private[data] case class CifarFile(path: String, format: RecordFormat, first: Long) {

  /** The rows with their numbers; a label that is not a class fails the task with the place of its record. */
  def records(sc: SparkContext, classes: Int): RDD[(Long, Array[Byte])] = {
    val conf = new Configuration(sc.hadoopConfiguration)
    FixedLengthInputFormat.setRecordLength(conf, format.bytes)
    sc.newAPIHadoopFile(path, classOf[FixedLengthInputFormat], classOf[LongWritable], classOf[BytesWritable], conf)
      .map { case (offset, bytes) =>
        val row = first + offset.get / format.bytes
        val record = Arrays.copyOf(bytes.getBytes, format.bytes) // Hadoop reuses its buffer
        if (format.label(record) >= classes)
          throw new FiresteelException(
            Kind.DATA,
            s"${locate(row)} has label ${format.label(record)}, $name has $classes classes"
          )
        row -> record
      }
  }

  def locate(row: Long): String = s"$path: record ${row - first} at byte ${(row - first) * format.bytes}"

  private def name: String = format.name
}
