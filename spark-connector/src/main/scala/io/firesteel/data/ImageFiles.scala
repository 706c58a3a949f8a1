// Opens a directory with the official files of a data set or with class folders of images: recognizes them by names, and
// reads records. Names, lengths and headers are checked before any Spark job starts; labels while they are read.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.SparkContext

/** A data set: its training rows and, if there are files for them, its test and its validation rows. */
case class ImageFiles(
    dataset: String,
    train: ImageSource,
    test: Option[ImageSource],
    validation: Option[ImageSource] = None
)

object ImageFiles {

  /** A kind of data set: how to recognize it by file names, and how to open it. */
  private[data] trait Reader {
    def name: String

    /** The names of its files, for messages. */
    def lookedFor: String

    /** Whether the training files are there. */
    def found(directory: DataDirectory): Boolean

    def open(sc: SparkContext, directory: DataDirectory, holdOut: Option[HoldOut]): ImageFiles
  }

  private val official: Seq[Reader] = Seq(CifarFiles.Cifar10, CifarFiles.Cifar100, IdxFiles)
  private val readers: Seq[Reader] = official :+ ClassFolders

  /** Opens the data set in the directory `uri`, a local path or any Hadoop URI.
    *
    * @param dataset cifar10, cifar100, idx, or images for class folders; recognized when absent
    * @param validation the fraction of the training files that becomes the validation set, of class folders that have no
    *   validation folder
    * @param seed chooses these files
    * @throws FiresteelException of kind io for a missing directory, of kind data for a wrong file (with its path, size
    *   or byte offset), of kind config for an unknown or ambiguous `dataset` or a `validation` that cannot be
    */
  def open(
      sc: SparkContext,
      uri: String,
      dataset: Option[String],
      validation: Option[Double] = None,
      seed: Long = 0
  ): ImageFiles = {
    val holdOut = validation.map(HoldOut(_, seed))
    val directory = DataDirectory.list(sc, uri)
    val candidates = dataset.fold(readers)(name => Seq(named(name)))
    recognized(directory, candidates) match {
      case Seq(reader) => reader.open(sc, directory, holdOut)
      case Seq()       =>
        val files = candidates.map(reader => s"${reader.name}: ${reader.lookedFor}").mkString("; ")
        val advice = DataAdvice.ofDirectory(directory, below => official.find(_.found(below)).map(_.name))
        val words = advice.fold(s"no training files; looked for $files")(what => s"no training files: $what")
        throw new FiresteelException(Kind.DATA, s"$uri: $words")
      case several =>
        val names = several.map(_.name).mkString(" and ")
        throw new FiresteelException(Kind.CONFIG, s"$uri holds $names: say which with --dataset")
    }
  }

  /** The names of official files say more than a folder with an image in it, and are looked at without listing more. */
  private def recognized(directory: DataDirectory, candidates: Seq[Reader]): Seq[Reader] = {
    val byNames = candidates.filter(reader => official.contains(reader) && reader.found(directory))
    if (byNames.nonEmpty) byNames else candidates.filter(_.found(directory))
  }

  private def named(name: String): Reader = readers.find(_.name == name).getOrElse {
    val known = readers.map(_.name).mkString(", ")
    throw new FiresteelException(Kind.CONFIG, s"""dataset "$name" is unknown, known: $known""")
  }
}
