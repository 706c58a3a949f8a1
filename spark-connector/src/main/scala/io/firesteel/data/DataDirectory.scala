// A directory of data files on any Hadoop file system, listed once on the driver.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import java.io.{FileNotFoundException, IOException, InputStream}
import org.apache.hadoop.fs.{FileStatus, FileSystem, Path}
import org.apache.spark.SparkContext

/** The files of `path` by name. */
private[data] final class DataDirectory(val path: Path, fileSystem: FileSystem, files: Map[String, FileStatus]) {
  def names: Seq[String] = files.keys.toSeq.sorted

  def has(name: String): Boolean = files.contains(name)

  /** Qualified path of a file of this directory. */
  def file(name: String): Path = files(name).getPath

  /** Length in bytes. */
  def length(name: String): Long = files(name).getLen

  def open(name: String): InputStream = fileSystem.open(file(name))
}

private[data] object DataDirectory {

  /** Lists `uri`; a failure of kind io if there is no such directory or it cannot be read. */
  def list(sc: SparkContext, uri: String): DataDirectory =
    try {
      val path = new Path(uri)
      val fileSystem = FileSystems.of(path, sc.hadoopConfiguration)
      if (!fileSystem.getFileStatus(path).isDirectory)
        throw new FiresteelException(Kind.IO, s"data $uri is a file, not a directory")
      val files = fileSystem.listStatus(path).filter(_.isFile).map(status => status.getPath.getName -> status)
      new DataDirectory(fileSystem.resolvePath(path), fileSystem, files.toMap)
    } catch {
      case e: FileNotFoundException => throw new FiresteelException(Kind.IO, s"data directory $uri does not exist", e)
      case e: IOException => throw new FiresteelException(Kind.IO, s"list data directory $uri: ${e.getMessage}", e)
      case e: IllegalArgumentException =>
        throw new FiresteelException(Kind.CONFIG, s"data directory \"$uri\": ${e.getMessage}", e)
    }
}
