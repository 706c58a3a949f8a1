// The path that a text means, and the Hadoop file system of a path. If the library of a file system is not on the class
// path, the message says which option adds it.
package io.firesteel.files

import io.firesteel.{Failure, FiresteelException}
import io.firesteel.jni.Kind
import java.io.FileNotFoundException
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileStatus, FileSystem, Path, UnsupportedFileSystemException}
import org.apache.hadoop.util.VersionInfo

private[firesteel] object FileSystems {

  /** Hadoop's own libraries that are not part of Spark, by the URI schemes that they implement. */
  private val Artifacts = Map(
    "s3a" -> "hadoop-aws",
    "abfs" -> "hadoop-azure",
    "abfss" -> "hadoop-azure",
    "wasb" -> "hadoop-azure",
    "wasbs" -> "hadoop-azure",
    "oss" -> "hadoop-aliyun",
    "cosn" -> "hadoop-cos",
    "obs" -> "hadoop-huaweicloud"
  )
  private val OldS3 = Set("s3", "s3n") // schemes that Hadoop 3 does not have any more
  private val Uri = "(?s)[A-Za-z][A-Za-z0-9+.-]*:/.*".r

  /** The path that `text` means if each of its characters stands for itself: none is a pattern, an escape or a separator
    * of several paths. Text that begins with `scheme:/` is a URI, any other text a path of the default file system. (The
    * constructor `Path(String)` reads `c:d` as a scheme and `//c/d` as a host.)
    */
  def path(text: String): Path =
    if (Uri.matches(text)) new Path(text) else new Path(null, null, text.replaceAll("/{2,}", "/"))

  /** @throws FiresteelException of kind config if no class for the scheme can be loaded, or if the path is on a local disk
    *   and the locale's charset cannot express it
    */
  def of(path: Path, conf: Configuration): FileSystem =
    try {
      val fileSystem = path.getFileSystem(conf)
      if (fileSystem.getUri.getScheme == "file") FileNames.check(path.toUri.getPath)
      fileSystem
    } catch {
      case e: UnsupportedFileSystemException                                 => throw missing(path, e)
      case e: NoClassDefFoundError                                           => throw missing(path, e)
      case e: RuntimeException if causes(e, classOf[ClassNotFoundException]) => throw missing(path, e)
    }

  /** What is in a folder, in no order, fetched in pages where the file system has them. */
  private[firesteel] def entries(fileSystem: FileSystem, folder: Path): Iterator[FileStatus] = {
    val listing = fileSystem.listStatusIterator(folder)
    val listed = new Iterator[FileStatus] {
      def hasNext: Boolean = listing.hasNext
      def next(): FileStatus = listing.next()
    }
    listed.flatMap(followed(fileSystem, _))
  }

  /** The file or folder that a link in a listing leads to, under the path of the link; none if it is not there. A mount
    * table (`viewfs:`) lists as links what is mounted. Any other entry is returned as it is.
    */
  private[firesteel] def followed(fileSystem: FileSystem, entry: FileStatus): Option[FileStatus] =
    if (!entry.isSymlink) Some(entry)
    else
      try Some(fileSystem.getFileStatus(entry.getPath))
      catch { case _: FileNotFoundException => None }

  private def missing(path: Path, cause: Throwable): FiresteelException = {
    val scheme = path.toUri.getScheme
    val remedy = Artifacts.get(scheme) match {
      case Some(artifact) => s"give spark-submit --packages org.apache.hadoop:$artifact:${VersionInfo.getVersion}"
      case None if OldS3(scheme) => s"write s3a:// instead of $scheme://"
      case None                  => s"give spark-submit the library that serves $scheme:// with --packages or --jars"
    }
    val told = new FiresteelException(Kind.CONFIG, s"$path: its file system is not on the class path: $remedy")
    told.addSuppressed(cause) // shown in a stack trace only: its message is just the name of a class
    told
  }

  private def causes(error: Throwable, kind: Class[_]): Boolean =
    Failure.chain(error).exists(kind.isInstance)
}
