// CIFAR-10 and CIFAR-100 in their authors' binary format, https://www.cs.toronto.edu/~kriz/cifar.html. sc.binaryRecords
// reads the same records, but takes a path for a pattern, and gives no positions. Hadoop's input format gives the byte
// offset of each record, from which its row number is computed without a job that counts rows.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.files.FileSystems
import io.firesteel.jni.Kind
import java.nio.charset.StandardCharsets.UTF_8
import java.util.{Arrays, Collections}
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileStatus, Path}
import org.apache.hadoop.io.{BytesWritable, LongWritable}
import org.apache.hadoop.mapreduce.lib.input.{FileSplit, FixedLengthInputFormat}
import org.apache.hadoop.mapreduce.{InputSplit, JobContext, RecordReader, TaskAttemptContext}
import org.apache.spark.SparkContext
import org.apache.spark.rdd.RDD
import scala.util.Using

private[firesteel] sealed abstract class CifarFiles(format: FixedRecords, val classes: Int) extends ImageFiles.Reader {
  type Files = IndexedSeq[CifarFile]

  def name: String = format.name

  /** Names of the training files in the order of their rows. */
  protected def training(directory: DataDirectory): Seq[String]

  protected def testing: String

  /** Name of the text file that has the name of each class in a line of its own. */
  protected def naming: String

  /** Refuses training files that cannot be the whole of a data set. */
  protected def check(directory: DataDirectory): Unit = ()

  def found(directory: DataDirectory): Boolean = training(directory).nonEmpty

  def list(directory: DataDirectory, holdOut: Option[HoldOut], known: IndexedSeq[String]): DataSplits[Files] = {
    HoldOut.refuse(name, holdOut)
    check(directory)
    val test = Option.when(directory.has(testing))(files(directory, Seq(testing)))
    DataSplits(classes, names(directory), files(directory, training(directory)), validation = None, test)
  }

  /** The classes by the order of their labels; empty if they are not told, one line for each. */
  private def names(directory: DataDirectory): IndexedSeq[String] =
    if (!directory.has(naming)) IndexedSeq.empty
    else {
      val text = Using.resource(directory.open(naming)) { in =>
        ReadFailure.told(directory.file(naming).toString)(in.readNBytes(CifarFiles.NamesBytes))
      }
      val lines = new String(text, UTF_8).linesIterator.map(_.trim).filter(_.nonEmpty).toIndexedSeq
      if (lines.length == classes) lines else IndexedSeq.empty
    }

  private def files(directory: DataDirectory, names: Seq[String]): Files = {
    val counts = names.map(rows(directory, _))
    val starts = counts.scanLeft(0L)(_ + _)
    names.indices.map(at => CifarFile(directory.file(names(at)).toString, format, classes, starts(at), counts(at)))
  }

  protected def source(sc: SparkContext, files: Files, splits: DataSplits[Files]): ImageSource = {
    def locate(row: Long) = files.findLast(_.first <= row).fold("")(_.locate(row))
    ImageSource(sc.union(files.map(_.records(sc))), files.map(_.rows).sum, classes, format, locate, splits.names)
  }

  private def rows(directory: DataDirectory, file: String): Long = {
    directory.refuseForeign(file)
    val (path, length) = (directory.file(file), directory.length(file))
    def fail(what: String) = throw new FiresteelException(Kind.DATA, s"read CIFAR batch $path: $what")
    if (length == 0) fail("the file is empty")
    if (length % format.bytes != 0) fail(s"$length bytes is not a multiple of ${format.bytes}, a record's")
    length / format.bytes
  }
}

private[firesteel] object CifarFiles {
  private val NamesBytes = 64 << 10 // the longer one of the two files of names has 1 KiB

  case object Cifar10 extends CifarFiles(RecordFormat.Cifar10, classes = 10) {
    private val Batch = """data_batch_(\d{1,9})\.bin""".r

    def lookedFor: String = "data_batch_1.bin (and so on), test_batch.bin"

    protected def testing: String = "test_batch.bin"

    protected def naming: String = "batches.meta.txt"

    protected def training(directory: DataDirectory): Seq[String] = batches(directory).map(_._2)

    /** A batch that is numbered twice, or a gap in the numbers: what is trained on would not be the data set. */
    override protected def check(directory: DataDirectory): Unit = {
      def fail(what: String) = throw new FiresteelException(Kind.DATA, s"${directory.path}: $what")
      val all = batches(directory)
      for (((number, one), (next, other)) <- all.zip(all.drop(1)) if number == next)
        fail(s"$one and $other are both batch $number: remove one of them")
      for (((_, name), missing) <- all.zip(LazyList.from(1)).find { case ((number, _), i) => number != i })
        fail(s"data_batch_$missing.bin is missing beside $name: bring it, or number the batches from 1")
    }

    private def batches(directory: DataDirectory): Seq[(Int, String)] =
      directory.names.collect { case name @ Batch(number) => number.toInt -> name }.sorted
  }

  case object Cifar100 extends CifarFiles(RecordFormat.Cifar100, classes = 100) {
    def lookedFor: String = "train.bin, test.bin"

    protected def testing: String = "test.bin"

    protected def naming: String = "fine_label_names.txt"

    protected def training(directory: DataDirectory): Seq[String] = Seq("train.bin").filter(directory.has)
  }
}

/** One file of `rows` records; its first record is row `first` of the training or test set. */
private[firesteel] case class CifarFile(path: String, format: FixedRecords, classes: Int, first: Long, rows: Long) {

  /** The rows with their numbers; a label that is not a class fails the task with the place of its record. */
  def records(sc: SparkContext): RDD[(Long, Array[Byte])] = {
    val conf = new Configuration(sc.hadoopConfiguration)
    FixedLengthInputFormat.setRecordLength(conf, format.bytes)
    conf.set(OneFile.Key, path)
    val read = sc
      .newAPIHadoopRDD(conf, classOf[OneFile], classOf[LongWritable], classOf[BytesWritable])
      .map { case (offset, bytes) =>
        val row = first + offset.get / format.bytes
        val record = Arrays.copyOf(bytes.getBytes, format.bytes) // Hadoop reuses its buffer
        label(row, record)
        row -> record
      }
    new FileRecords(path, read)
  }

  /** The label of a record that begins with these bytes.
    *
    * @throws FiresteelException kind data for one that is not a class
    */
  def label(row: Long, record: Array[Byte]): Int = {
    val label = format.label(record)
    if (label >= classes)
      throw new FiresteelException(
        Kind.DATA,
        s"${locate(row)} has label $label, ${format.name} has $classes classes"
      )
    label
  }

  def locate(row: Long): String = s"$path: record ${row - first} at byte ${(row - first) * format.bytes}"
}

/** The records of one file. Hadoop's own formats take their paths for patterns and split them at commas. */
private[data] final class OneFile extends FixedLengthInputFormat {
  override protected def listStatus(job: JobContext): java.util.List[FileStatus] = {
    val path = new Path(job.getConfiguration.getRaw(OneFile.Key)) // get would replace a ${name} in it
    Collections.singletonList(FileSystems.of(path, job.getConfiguration).getFileStatus(path))
  }

  /** On the executor, whose locale may be another than the driver's. */
  override def createRecordReader(
      split: InputSplit,
      task: TaskAttemptContext
  ): RecordReader[LongWritable, BytesWritable] = {
    FileSystems.of(split.asInstanceOf[FileSplit].getPath, task.getConfiguration)
    super.createRecordReader(split, task)
  }
}

private[data] object OneFile {

  /** Of the job's configuration: the file, a qualified path. */
  val Key = "firesteel.data.file"
}
