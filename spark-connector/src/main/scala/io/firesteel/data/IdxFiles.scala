// MNIST's idx files (http://yann.lecun.com/exdb/mnist): a file of images and one of labels, big-endian headers, often
// gzipped. The driver reads headers and labels (a byte each) before any job; one task reads both files as records.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.files.FileSystems
import io.firesteel.jni.Kind
import org.apache.hadoop.fs.Path
import org.apache.spark.util.SerializableConfiguration
import org.apache.spark.{SparkContext, TaskContext}

private[firesteel] case object IdxFiles extends ImageFiles.Reader {
  type Files = IdxPair

  def name: String = "idx"

  def lookedFor: String = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-... (also .idx3-ubyte, .gz)"

  /** By names alone: one of two files is enough, so that the message can name the other. */
  def found(directory: DataDirectory): Boolean =
    find(directory, "train-images", "idx3").nonEmpty || find(directory, "train-labels", "idx1").nonEmpty

  def list(directory: DataDirectory, holdOut: Option[HoldOut], known: IndexedSeq[String]): DataSplits[IdxPair] = {
    HoldOut.refuse(name, holdOut)
    val training = pair(directory, "train").get
    val classes = training.highestLabel(None) + 1
    val test = pair(directory, "t10k")
    test.foreach(_.highestLabel(Some(classes)))
    DataSplits(classes, IndexedSeq.empty, training, validation = None, test)
  }

  protected def source(sc: SparkContext, files: IdxPair, splits: DataSplits[IdxPair]): ImageSource =
    files.source(sc, splits.classes)

  private def pair(directory: DataDirectory, prefix: String): Option[IdxPair] = {
    val (images, labels) = (find(directory, s"$prefix-images", "idx3"), find(directory, s"$prefix-labels", "idx1"))
    def alone(name: String, missing: String) =
      throw new FiresteelException(Kind.DATA, s"${directory.file(name)} has no $prefix-$missing-ubyte beside it")
    (images, labels) match {
      case (Some(i), Some(l)) => Some(new IdxPair(directory, i, l))
      case (Some(i), None)    => alone(i, "labels-idx1")
      case (None, Some(l))    => alone(l, "images-idx3")
      case (None, None)       => None
    }
  }

  private def find(directory: DataDirectory, stem: String, kind: String): Option[String] = {
    val spellings = for (dot <- Seq("-", "."); end <- Seq("", ".gz")) yield s"$stem$dot$kind-ubyte$end"
    spellings.find(directory.has)
  }
}

/** The images and labels of the training or test set, two files in `directory`. */
private[firesteel] final class IdxPair(directory: DataDirectory, images: String, labels: String) {
  val imagesPath: Path = directory.file(images)
  val labelsPath: Path = directory.file(labels)

  private val sizes = header(images, rank = 3)
  private val (height, width) = (sizes(1), sizes(2))
  val rows: Int = sizes(0)
  val format: RecordFormat.Idx = RecordFormat.Idx(height, width)
  private val labelled = header(labels, rank = 1).head

  if (labelled != rows)
    throw new FiresteelException(Kind.DATA, s"$labelsPath: $labelled labels for the $rows images of $imagesPath")
  private def header(name: String, rank: Int): Seq[Int] = {
    directory.refuseForeign(name)
    val stream = new IdxStream(directory.file(name).toString, directory.open(name))
    try stream.header(rank, directory.length(name))
    finally stream.close()
  }

  /** The highest label. If `classes` is given, a label that is not below it is an error. */
  def highestLabel(classes: Option[Int]): Int = {
    val stream = new IdxStream(labelsPath.toString, directory.open(labels))
    try {
      stream.header(rank = 1, directory.length(labels))
      val label = new Array[Byte](1)
      var highest = 0
      for (row <- 0 until rows) {
        stream.fill(label, 0, 1)
        val value = label(0) & 0xff
        if (classes.exists(value >= _))
          throw new FiresteelException(
            Kind.DATA,
            s"$labelsPath: record $row at byte ${IdxStream.headerBytes(1) + row} has label $value, the training set " +
              s"has ${classes.get} classes"
          )
        highest = math.max(highest, value)
      }
      stream.end()
      highest
    } finally stream.close()
  }

  def source(sc: SparkContext, classes: Int): ImageSource = {
    val (imagesKey, labelsKey, layout, count) = (imagesPath.toString, labelsPath.toString, format, rows)
    val conf = sc.broadcast(new SerializableConfiguration(sc.hadoopConfiguration))
    val records = sc.makeRDD(Seq(imagesKey -> directory.hosts(images))).mapPartitions { _ =>
      def open(file: String): IdxStream = {
        val path = new Path(file)
        val opened = ReadFailure.told(file)(FileSystems.of(path, conf.value.value).open(path))
        val stream = new IdxStream(file, opened)
        TaskContext.get().addTaskCompletionListener[Unit](_ => stream.close())
        stream
      }
      IdxPair.records(open(imagesKey), open(labelsKey), layout, count)
    }
    def locate(row: Long) =
      s"$imagesKey: record $row at byte ${IdxStream.headerBytes(3) + row * format.height * format.width}"
    ImageSource(records, rows.toLong, classes, format, locate)
  }
}

private[data] object IdxPair {
  private def records(
      pixels: IdxStream,
      labels: IdxStream,
      format: RecordFormat.Idx,
      rows: Int
  ): Iterator[(Long, Array[Byte])] = {
    pixels.skipHeader(rank = 3)
    labels.skipHeader(rank = 1)
    Iterator.tabulate(rows) { row =>
      val record = new Array[Byte](format.bytes)
      labels.fill(record, 0, 1)
      pixels.fill(record, 1, format.bytes - 1)
      if (row == rows - 1) pixels.end()
      row.toLong -> record
    }
  }
}
