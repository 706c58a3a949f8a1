// Opens a directory with the official files of a data set: recognizes the data set by their names, and reads records.
// Names, lengths and headers are checked before any Spark job starts; labels while they are read.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.SparkContext

/** A data set: its training rows and, if there are files for them, its test rows. */
case class ImageFiles(dataset: String, train: ImageSource, test: Option[ImageSource])

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

  private val readers: Seq[Reader] = Seq(CifarFiles.Cifar10, CifarFiles.Cifar100, IdxFiles)

  /** Opens the data set in the directory `uri`, a local path or any Hadoop URI.
    *
    * @param dataset cifar10, cifar100 or idx; recognized by the names of files when absent
    * @throws FiresteelException of kind io for a missing directory, of kind data for a wrong file (with its path, size
    *   or byte offset), of kind config for an unknown or ambiguous `dataset`
    */
  def open(sc: SparkContext, uri: String, dataset: Option[String]): ImageFiles = {
    val directory = DataDirectory.list(sc, uri)
    val candidates = dataset.fold(readers)(name => Seq(named(name)))
    candidates.filter(_.found(directory)) match {
      case Seq(reader) => reader.open(sc, directory)
      case Seq()       =>
        val files = candidates.map(reader => s"${reader.name}: ${reader.lookedFor}").mkString("; ")
        throw new FiresteelException(Kind.DATA, s"$uri: no training files; looked for $files")
      case several =>
        val names = several.map(_.name).mkString(" and ")
        throw new FiresteelException(Kind.CONFIG, s"$uri holds $names: say which with --dataset")
    }
  }

  private def named(name: String): Reader = readers.find(_.name == name).getOrElse {
    val known = readers.map(_.name).mkString(", ")
    throw new FiresteelException(Kind.CONFIG, s"""dataset "$name" is unknown, known: $known""")
  }
}
