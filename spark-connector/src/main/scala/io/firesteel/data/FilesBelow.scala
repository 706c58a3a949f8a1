// Image files at any depth below a directory, or one file, without labels: what a model predicts for.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.hadoop.fs.Path
import org.apache.spark.SparkContext
import org.slf4j.LoggerFactory

private[firesteel] object FilesBelow {
  private val log = LoggerFactory.getLogger(getClass)
  private val NoLabel = 0

  /** Lists the files by folder and then by name. In a directory those are left out that are no images by their names, and what
    * begins with a dot or an underscore; a file that is named itself is taken whatever its name.
    *
    * @throws FiresteelException of kind io for what is not there or cannot be listed, of kind data if there is no image
    */
  def list(sc: SparkContext, uri: String): EncodedFiles = DataDirectory.file(sc, uri) match {
    case Some(file) =>
      val name = file.getPath.getName
      files(file.getPath.getParent, IndexedSeq(name -> ClassTree.length(file.getPath, file.getLen)))
    case None => below(DataDirectory.list(sc, uri))
  }

  private def below(directory: DataDirectory): EncodedFiles = {
    val (images, others) = directory.names.filterNot(ClassTree.isHidden).partition(ClassTree.isImage)
    val loose =
      images.sorted(CodePoints).map(name => name -> ClassTree.length(directory.file(name), directory.length(name)))
    val folders = ClassTree.list(directory)
    val all = loose.toIndexedSeq ++ folders.flatMap(_.files)
    val left = others.length + folders.map(_.others).sum
    val such = (others ++ folders.flatMap(_.other)).headOption
    if (all.isEmpty) {
      val only = such.fold("")(name => s", but $left other files such as $name")
      throw new FiresteelException(Kind.DATA, s"${directory.path} holds no ${ClassTree.Kinds} file$only")
    }
    for (name <- such)
      log.warn(
        s"${directory.path}: $left files are no ${ClassTree.Kinds} by their names and are left out, such as $name"
      )
    files(directory.path, all)
  }

  private def files(folder: Path, all: IndexedSeq[(String, Int)]): EncodedFiles =
    EncodedFiles(folder, all.map { case (name, bytes) => EncodedFile(name, NoLabel, bytes) })
}
