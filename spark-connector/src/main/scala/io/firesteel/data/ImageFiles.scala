// Opens a directory of official data files: tells which data set it is, and reads it as records.
// Files are checked by name, length and header before any Spark job starts; labels while they are read.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.SparkContext

/** A data set on disk: its training rows and, when there are files for it, its test rows. */
case class ImageFiles(dataset: String, train: ImageSource, test: Option[ImageSource])

object ImageFiles {

  /** One kind of data set: how to tell it from a directory's file names, and how to open it. */
  private[data] trait Reader {
    def name: String

    /** For a message: the files that make it. */
    def lookedFor: String

    /** Whether the training files are there. */
    def found(directory: DataDirectory): Boolean

    def open(sc: SparkContext, directory: DataDirectory): ImageFiles
  }

  private val readers: Seq[Reader] = Seq(CifarFiles.Cifar10, CifarFiles.Cifar100, IdxFiles)

  /** Opens the data set in the directory `uri`, a local path or any Hadoop URI.
    *
    * @param dataset cifar10, cifar100 or idx; told from the files when absent
    * @throws FiresteelException kind io for a directory that is not there, data for a file that is not what it should
    *   be (path, size, byte offset named), config for an unknown or ambiguous `dataset`
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
