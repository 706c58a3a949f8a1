// Opens a directory with the official files of a data set, or class folders of images: recognizes it by names, and reads
// records.
// Names, lengths and headers are checked before any Spark job starts; labels while they are read.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.SparkContext

/** A data set: its training rows and, if there are files for them, its test rows. */
case class ImageFiles(
    dataset: String,
    train: ImageSource,
    test: Option[ImageSource],
    validation: Option[ImageSource] = None
) {

  /** What is evaluated during training: the validation rows if there are some, else the test rows. */
  def evaluated: Option[ImageSource] = validation.orElse(test)

  private def named: ImageFiles = ImageFiles(
    dataset,
    train.copy(split = "train"),
    test.map(_.copy(split = "test")),
    validation.map(_.copy(split = "validation"))
  )
}

object ImageFiles {

  /** A kind of data set: how to recognize it by file names, and how to open it. */
  private[data] trait Reader {
    def name: String

    /** The names of its files, for messages. */
    def lookedFor: String

    /** Whether the training files are there. */
    def found(directory: DataDirectory): Boolean

    def open(sc: SparkContext, directory: DataDirectory): ImageFiles
  }

  private val readers: Seq[Reader] = Seq(CifarFiles.Cifar10, CifarFiles.Cifar100, IdxFiles, ClassFolders)

  /** Opens the data set in the directory `uri`, a local path or any Hadoop URI.
    *
    * @param dataset cifar10, cifar100, idx or images; recognized by the names of files when absent
    * @param validation fraction of the training images of class folders that become the validation set
    * @param seed that decides which they are
    * @throws FiresteelException of kind io for a missing directory, of kind data for a wrong file (with its path, size
    *   or byte offset), of kind config for an unknown or ambiguous `dataset`
    */
  def open(
      sc: SparkContext,
      uri: String,
      dataset: Option[String],
      validation: Option[Double] = None,
      seed: Long = 0
  ): ImageFiles = {
    val directory = DataDirectory.list(sc, uri)
    val candidates = dataset.fold(readers)(name => Seq(named(name)))
    found(candidates, directory) match {
      case Seq(ClassFolders)                  => ClassFolders.open(sc, directory, validation, seed).named
      case Seq(reader) if validation.nonEmpty =>
        throw new FiresteelException(
          Kind.CONFIG,
          s"validation divides class folders, and $uri is ${reader.name}: leave it out"
        )
      case Seq(reader) => reader.open(sc, directory).named
      case Seq()       =>
        val files = candidates.map(reader => s"${reader.name}: ${reader.lookedFor}").mkString("; ")
        val advice = DataAdvice.ofDirectory(directory, below => readers.find(_.found(below)).map(_.name))
        val words = advice.fold(s"no training files; looked for $files")(what => s"no training files: $what")
        throw new FiresteelException(Kind.DATA, s"$uri: $words")
      case several =>
        val names = several.map(_.name).mkString(" and ")
        throw new FiresteelException(Kind.CONFIG, s"$uri holds $names: say which with --dataset")
    }
  }

  /** Those whose files are there. Class folders count where no other data set is: looking for them takes longer. */
  private def found(candidates: Seq[Reader], directory: DataDirectory): Seq[Reader] = {
    val (folders, others) = candidates.partition(_ == ClassFolders)
    Some(others.filter(_.found(directory))).filter(_.nonEmpty).getOrElse(folders.filter(_.found(directory)))
  }

  private def named(name: String): Reader = readers.find(_.name == name).getOrElse {
    val known = readers.map(_.name).mkString(", ")
    throw new FiresteelException(Kind.CONFIG, s"""dataset "$name" is unknown, known: $known""")
  }
}
