// Images in a folder for each class, as torchvision's ImageFolder reads them: the classes are the sorted names of the
// folders. Either DIR/CLASS/.., or DIR/train/CLASS/.. with validation (or val, valid) and test beside train.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.files.FileSystems
import io.firesteel.jni.Kind
import java.io.IOException
import org.apache.hadoop.fs.{FileSystem, Path}
import org.apache.spark.SparkContext
import org.slf4j.LoggerFactory
import scala.annotation.tailrec

private[firesteel] case object ClassFolders extends ImageFiles.Reader {
  private val log = LoggerFactory.getLogger(getClass)
  private val Train = "train"
  private val Validation = Seq("validation", "val", "valid")
  private val Test = "test"
  private val SplitNames = Train +: Test +: Validation
  private val MostFolders = 100 // that are looked into before a directory is taken to hold no images
  private val MostEntries = 1000 // of one folder

  type Files = EncodedFiles

  def name: String = "images"

  def lookedFor: String = s"$Expected (${ClassTree.Kinds})"

  /** The layout, for messages. */
  val Expected = "CLASS/x.jpg or train/CLASS/x.jpg for each class"

  /** Whether there is an image in a folder. A folder that cannot be listed counts, so that `open` says why it cannot. */
  def found(directory: DataDirectory): Boolean =
    anyImage(directory.fileSystem, ClassTree.folders(directory), looked = 0)

  @tailrec private def anyImage(fileSystem: FileSystem, folders: Seq[Path], looked: Int): Boolean =
    if (folders.isEmpty || looked == MostFolders) false
    else
      entries(fileSystem, folders.head) match {
        case Some((files, below)) =>
          files.exists(ClassTree.isImage) || anyImage(fileSystem, folders.tail ++ below, looked + 1)
        case None => true
      }

  /** Names of files, and folders; none for a folder that cannot be listed. */
  private def entries(fileSystem: FileSystem, folder: Path): Option[(Seq[String], Seq[Path])] =
    try {
      val visible =
        FileSystems.entries(fileSystem, folder).take(MostEntries).filterNot(e => ClassTree.isHidden(e.getPath.getName))
      val (folders, files) = visible.toSeq.partition(_.isDirectory)
      Some(files.map(_.getPath.getName) -> folders.map(_.getPath))
    } catch { case _: IOException => None }

  protected def source(sc: SparkContext, files: EncodedFiles, splits: DataSplits[EncodedFiles]): ImageSource =
    files.source(sc, splits.names)

  /** Lists all files.
    *
    * @throws FiresteelException of kind data for folders that make no data set, of kind io for one that cannot be listed,
    *   of kind config for a `holdOut` where there is a validation folder, or that leaves a set empty, and for a folder of a
    *   class that is not among the `known` ones
    */
  def list(
      directory: DataDirectory,
      holdOut: Option[HoldOut],
      known: IndexedSeq[String]
  ): DataSplits[EncodedFiles] = {
    val folders = ClassTree.folders(directory)
    val splits = folders.filter(folder => SplitNames.contains(folder.getName))
    val onlySplits = splits.length == folders.length
    splits.find(_.getName == Train).map(directory.below) match {
      case Some(train) if holdsClasses(train, onlySplits) => inSplits(directory, train, splits, holdOut, known)
      case Some(train) if onlySplits                      => fail(noClasses(train))
      case None if onlySplits && splits.nonEmpty          =>
        fail(s"${directory.path} has ${splits.map(_.getName).mkString(" and ")} and no $Train")
      case _ =>
        val classes = training(directory, known)
        divided(directory, classes, ClassLabels.of(known, classes), holdOut)
    }
  }

  /** Whether `train` has class folders. Beside folders of other names it may be a class itself, if images lie in it. */
  private def holdsClasses(train: DataDirectory, onlySplits: Boolean): Boolean =
    ClassTree.folders(train).nonEmpty && (onlySplits || !train.names.exists(ClassTree.isImage))

  private def noClasses(directory: DataDirectory): String =
    s"${directory.path} holds no class folders: images are looked for as $Expected"

  private def inSplits(
      directory: DataDirectory,
      train: DataDirectory,
      splits: Seq[Path],
      holdOut: Option[HoldOut],
      known: IndexedSeq[String]
  ): DataSplits[EncodedFiles] = {
    val validation = splits.filter(folder => Validation.contains(folder.getName))
    if (validation.length > 1)
      fail(s"${directory.path} has ${validation.map(_.getName).mkString(" and ")}: leave one of them there")
    if (holdOut.nonEmpty && validation.nonEmpty)
      throw new FiresteelException(
        Kind.CONFIG,
        s"${validation.head} holds validation files, so a fraction of the training files cannot be asked for"
      )
    val beside = ClassTree.folders(directory).diff(splits)
    if (beside.nonEmpty) log.warn(s"${directory.path}: left out beside $Train: ${beside.map(_.getName).mkString(", ")}")
    val classes = training(train, known)
    val labels = ClassLabels.of(known, classes)
    def other(folder: Path): EncodedFiles = labelled(folder, tree(directory.below(folder)), labels)
    val files = divided(train, classes, labels, holdOut)
    files.copy(
      validation = validation.headOption.map(other).orElse(files.validation),
      test = splits.find(_.getName == Test).map(other)
    )
  }

  private def training(directory: DataDirectory, known: IndexedSeq[String]): IndexedSeq[ClassFolder] = {
    val classes = tree(directory)
    if (classes.length == 1 && known.isEmpty) {
      val only = directory.path.toString.stripSuffix("/") + "/" + classes.head.name
      val advice = if (classes.head.nested) s": if the folders in it are the classes, give $only" else ""
      fail(s"$only is the only class folder, and training needs two$advice")
    }
    classes
  }

  /** The class folders of `directory`, none of them empty. */
  private def tree(directory: DataDirectory): IndexedSeq[ClassFolder] = {
    val classes = ClassTree.list(directory)
    if (classes.isEmpty) fail(noClasses(directory))
    for (empty <- classes.find(_.files.isEmpty)) {
      val folder = directory.below(new Path(directory.path, empty.name))
      for (name <- ImageFiles.officialIn(folder))
        fail(s"${directory.path}: no training files: ${DataAdvice.lies(folder, name)}")
      val others = if (empty.others == 0) "" else s", but ${empty.others} other files such as ${empty.other.get}"
      fail(s"${directory.path}: class folder ${empty.name} holds no ${ClassTree.Kinds} file$others: remove it")
    }
    val left = classes.map(_.others).sum
    if (left > 0)
      log.warn(
        s"${directory.path}: $left files in class folders are no ${ClassTree.Kinds} by their names and are left out, such as " +
          classes.flatMap(_.other).head
      )
    val loose = directory.names.filter(name => ClassTree.isImage(name) && !ClassTree.isHidden(name))
    if (loose.nonEmpty)
      log.warn(s"${directory.path}: ${loose.length} images in no class folder are left out, such as ${loose.head}")
    classes
  }

  private def labelled(folder: Path, classes: Seq[ClassFolder], labels: ClassLabels): EncodedFiles =
    EncodedFiles(
      folder,
      for {
        one <- classes.toIndexedSeq
        label = labels.of(folder, one.name)
        (file, bytes) <- one.files
      } yield EncodedFile(file, label, bytes)
    )

  /** All files as the training set, or a part of them as the validation set. */
  private def divided(
      directory: DataDirectory,
      classes: Seq[ClassFolder],
      labels: ClassLabels,
      holdOut: Option[HoldOut]
  ): DataSplits[EncodedFiles] = {
    val names = labels.names
    val all = labelled(directory.path, classes, labels)
    holdOut.fold(DataSplits(names.length, names, all, None, None)) { hold =>
      val (held, kept) = all.files.partition(file => hold.takes(file.name))
      if (held.isEmpty || kept.isEmpty)
        throw new FiresteelException(
          Kind.CONFIG,
          s"${directory.path}: a validation fraction of ${hold.fraction} takes ${held.length} of ${all.files.length} files"
        )
      val lost = names.indices.diff(kept.map(_.label).distinct)
      if (lost.nonEmpty)
        log.warn(
          s"${directory.path}: validation takes all files of ${lost.length} classes, such as ${names(lost.head)}"
        )
      DataSplits(names.length, names, all.copy(files = kept), Some(all.copy(files = held)), None)
    }
  }

  private def fail(message: String): Nothing = throw new FiresteelException(Kind.DATA, message)
}
