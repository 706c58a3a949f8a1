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
) {

  /** What is evaluated during training: the validation rows if there are some, else the test rows. */
  def evaluated: Option[ImageSource] = validation.orElse(test)
}

/** A data set before its rows are read.
  *
  * @param names the classes in the order of their labels, where they have names
  */
private[firesteel] final case class DataSplits[A](
    classes: Int,
    names: IndexedSeq[String],
    train: A,
    validation: Option[A],
    test: Option[A]
)

object ImageFiles {

  /** A kind of data set: how to recognize it by file names, and how to open it. */
  private[firesteel] trait Reader {

    /** What is known of the training, validation or test set before its rows are read. */
    type Files

    def name: String

    /** The names of its files, for messages. */
    def lookedFor: String

    /** Whether the training files are there. */
    def found(directory: DataDirectory): Boolean

    /** Looks at names, lengths and headers.
      *
      * @param known a model's classes in the order of their labels, by which class folders get theirs; empty if there is none
      * @throws FiresteelException of the kinds of [[ImageFiles.open]]
      */
    def list(directory: DataDirectory, holdOut: Option[HoldOut], known: IndexedSeq[String]): DataSplits[Files]

    protected def source(sc: SparkContext, files: Files, splits: DataSplits[Files]): ImageSource

    def open(
        sc: SparkContext,
        directory: DataDirectory,
        holdOut: Option[HoldOut],
        known: IndexedSeq[String]
    ): ImageFiles = {
      val listed = list(directory, holdOut, known)
      val splits = if (listed.names.isEmpty && listed.classes <= known.length) listed.copy(names = known) else listed
      checkKnown(directory, splits.names, known)
      def named(files: Files, split: String) =
        source(sc, files, splits).copy(split = split, names = splits.names)
      ImageFiles(
        name,
        named(splits.train, "train"),
        splits.test.map(named(_, "test")),
        splits.validation.map(named(_, "validation"))
      )
    }
  }

  private val official: Seq[Reader] = Seq(CifarFiles.Cifar10, CifarFiles.Cifar100, IdxFiles)
  private val readers: Seq[Reader] = official :+ ClassFolders

  /** Opens the data set in the directory `uri`, a local path or any Hadoop URI.
    *
    * @param dataset cifar10, cifar100, idx, or images for class folders; recognized when absent
    * @param validation the fraction of the training files that becomes the validation set, of class folders that have no
    *   validation folder
    * @param seed chooses these files
    * @param known the classes of a model, by name in the order of their labels: class folders get their labels from these,
    *   whichever of them there are
    * @throws FiresteelException of kind io for a missing directory, of kind data for a wrong file (with its path, size
    *   or byte offset), of kind config for an unknown or ambiguous `dataset`, a `validation` that cannot be, or a class that
    *   is not `known`
    */
  def open(
      sc: SparkContext,
      uri: String,
      dataset: Option[String],
      validation: Option[Double] = None,
      seed: Long = 0,
      known: IndexedSeq[String] = IndexedSeq.empty
  ): ImageFiles = {
    val holdOut = validation.map(HoldOut(_, seed))
    val directory = DataDirectory.list(sc, uri)
    recognize(directory, uri, readers, dataset, "--dataset").open(sc, directory, holdOut, known)
  }

  /** Refuses a data set whose classes have other names than those of the same labels that a model knows. */
  private def checkKnown(directory: DataDirectory, names: Seq[String], known: Seq[String]): Unit =
    for ((name, label) <- names.zipWithIndex; other <- known.lift(label) if other != name)
      throw new FiresteelException(
        Kind.CONFIG,
        s"${directory.path}: class $label is $name, and the model calls it $other: it was trained on other classes"
      )

  /** The one of `among` whose files are in `directory`.
    *
    * @param dataset the name of the reader, if it is said
    * @param option what says it
    */
  private[firesteel] def recognize[R <: Reader](
      directory: DataDirectory,
      uri: String,
      among: Seq[R],
      dataset: Option[String],
      option: String
  ): R = {
    val candidates = dataset.fold(among)(name => Seq(named(name, among)))
    candidatesIn(directory, candidates) match {
      case Seq(reader) => reader
      case Seq()       =>
        val files = candidates.map(reader => s"${reader.name}: ${reader.lookedFor}").mkString("; ")
        val advice = DataAdvice.ofDirectory(directory, officialIn)
        val words = advice.fold(s"no training files; looked for $files")(what => s"no training files: $what")
        throw new FiresteelException(Kind.DATA, s"$uri: $words")
      case several =>
        val names = several.map(_.name).mkString(" and ")
        throw new FiresteelException(Kind.CONFIG, s"$uri holds $names: say which with $option")
    }
  }

  /** The data set whose official files are in a directory. */
  private[firesteel] def officialIn(directory: DataDirectory): Option[String] =
    official.find(_.found(directory)).map(_.name)

  /** The names of official files say more than a folder with an image in it, and are looked at without listing more. */
  private def candidatesIn[R <: Reader](directory: DataDirectory, candidates: Seq[R]): Seq[R] = {
    val byNames = candidates.filter(reader => official.contains(reader) && reader.found(directory))
    if (byNames.nonEmpty) byNames else candidates.filter(_.found(directory))
  }

  /** The kind of data set of this name, of all that there are.
    *
    * @throws FiresteelException of kind config for another name
    */
  private[firesteel] def reader(name: String): Reader = named(name, readers)

  private def named[R <: Reader](name: String, among: Seq[R]): R = among.find(_.name == name).getOrElse {
    val known = among.map(_.name).mkString(", ")
    throw new FiresteelException(Kind.CONFIG, s"""dataset "$name" is unknown, known: $known""")
  }
}
