// A directory of data files on any Hadoop file system; its files are listed when it is opened on the driver.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import java.io.{FileNotFoundException, IOException, InputStream}
import org.apache.hadoop.fs.{FileStatus, FileSystem, Path}
import org.apache.spark.SparkContext
import scala.util.Using

/** The files of `path` by name, without directories. Their methods take names that are there. */
private[data] final class DataDirectory(val path: Path, fileSystem: FileSystem, files: Map[String, FileStatus]) {
  def names: Seq[String] = files.keys.toSeq.sorted

  def has(name: String): Boolean = files.contains(name)

  /** Qualified path of a file of this directory. */
  def file(name: String): Path = files(name).getPath

  /** Length in bytes. */
  def length(name: String): Long = files(name).getLen

  /** @throws FiresteelException kind io where it cannot be read */
  def open(name: String): InputStream = ReadFailure.told(file(name).toString)(fileSystem.open(file(name)))

  /** Refuses a file that begins like something else than data.
    *
    * @throws FiresteelException kind data for such a file, io for one that cannot be read
    */
  def refuseForeign(name: String): Unit = Using.resource(open(name)) { in =>
    val head = ReadFailure.told(file(name).toString)(in.readNBytes(ForeignContent.HeadBytes))
    ForeignContent.of(head, packed = name.endsWith(".gz")).foreach { what =>
      throw new FiresteelException(Kind.DATA, s"${file(name)} is $what")
    }
  }

  /** Up to `most` directories in this one, by name. They are looked at for advice only, so one that cannot be listed is
    * left out.
    */
  def directories(most: Int): Seq[DataDirectory] =
    try {
      val paths = fileSystem.listStatus(path).filter(_.isDirectory).map(_.getPath).sortBy(_.getName).take(most)
      paths.toSeq.flatMap { below =>
        try Some(DataDirectory.of(fileSystem, below))
        catch { case _: IOException => None }
      }
    } catch { case _: IOException => Nil }

  /** The directory in this one that has this name. */
  def folder(name: String): Option[Path] =
    folders(path).find(_.getName == name)

  /** The directories in `parent`, which is this one or below it. */
  def folders(parent: Path): Seq[Path] =
    ReadFailure.told(parent.toString)(fileSystem.listStatus(parent).toSeq.filter(_.isDirectory).map(_.getPath))

  /** All files below `parent`, which is this one or below it, in no order. */
  def filesBelow(parent: Path): Seq[FileStatus] = ReadFailure.told(parent.toString) {
    val files = fileSystem.listFiles(parent, true)
    Iterator.continually(files).takeWhile(_.hasNext).map(_.next()).toIndexedSeq
  }

  /** Whether a file whose name `fits` is in one of the directories that are `depth` below this one or deeper. Few
    * directories are looked into, since this only tells kinds of data sets apart.
    */
  def holdsBelow(fits: String => Boolean, depth: Int): Boolean = {
    var visits = DataDirectory.MostVisits
    def holds(parent: Path, level: Int): Boolean = {
      visits -= 1
      val (below, files) = fileSystem.listStatus(parent).toSeq.partition(_.isDirectory)
      level >= depth && files.exists(file => fits(file.getPath.getName)) ||
      below.exists(status => visits > 0 && holds(status.getPath, level + 1))
    }
    ReadFailure.told(path.toString)(holds(path, 0))
  }

  /** Hosts that hold a part of the file. File systems that know no hosts answer `localhost`, which is left out. */
  def hosts(name: String): Seq[String] =
    ReadFailure
      .told(file(name).toString)(fileSystem.getFileBlockLocations(files(name), 0, length(name)))
      .toSeq
      .flatMap(_.getHosts)
      .distinct
      .diff(Seq("localhost"))
}

private[data] object DataDirectory {
  private val MostVisits = 200

  /** Lists `uri`.
    *
    * @throws FiresteelException kind io if there is no such directory or it cannot be read, kind config if `uri` is not a URI
    *   or its file system is not on the class path
    */
  def list(sc: SparkContext, uri: String): DataDirectory =
    try {
      val path = FileSystems.path(uri)
      val fileSystem = FileSystems.of(path, sc.hadoopConfiguration)
      if (!fileSystem.getFileStatus(path).isDirectory)
        throw new FiresteelException(
          Kind.IO,
          s"data $uri is a file, not a directory: ${DataAdvice.ofFile(path.getName)}"
        )
      of(fileSystem, fileSystem.resolvePath(path))
    } catch {
      case e: FileNotFoundException => throw new FiresteelException(Kind.IO, s"data directory $uri does not exist", e)
      case e: IOException => throw new FiresteelException(Kind.IO, s"list data directory $uri: ${e.getMessage}", e)
      case e: IllegalArgumentException =>
        throw new FiresteelException(Kind.CONFIG, s"data directory \"$uri\": ${e.getMessage}", e)
    }

  private def of(fileSystem: FileSystem, path: Path): DataDirectory = {
    val files = fileSystem.listStatus(path).filter(_.isFile).map(status => status.getPath.getName -> status)
    new DataDirectory(path, fileSystem, files.toMap)
  }
}
