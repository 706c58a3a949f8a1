// A directory of data files on any Hadoop file system, listed once on the driver.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.files.FileSystems
import io.firesteel.jni.Kind
import java.io.{FileNotFoundException, IOException, InputStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.security.MessageDigest
import java.util.HexFormat
import org.apache.hadoop.fs.{FileStatus, FileSystem, Path}
import org.apache.spark.SparkContext
import scala.util.Using

/** The files of `path` by name, and the folders in it in no order. */
private[firesteel] final class DataDirectory(
    val path: Path,
    val fileSystem: FileSystem,
    files: Map[String, FileStatus],
    val folders: Seq[Path]
) {
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
    folders.sortBy(_.getName).take(most).flatMap { below =>
      try Some(DataDirectory.of(fileSystem, below))
      catch { case _: IOException => None }
    }

  /** Lists one of the folders.
    *
    * @throws FiresteelException kind io where it cannot be listed
    */
  def below(folder: Path): DataDirectory = ReadFailure.listed(folder)(DataDirectory.of(fileSystem, folder))

  /** Hosts that hold a part of the file. File systems that know no hosts answer `localhost`, which is left out. */
  def hosts(name: String): Seq[String] =
    fileSystem
      .getFileBlockLocations(files(name), 0, length(name))
      .toSeq
      .flatMap(_.getHosts)
      .distinct
      .diff(Seq("localhost"))
}

private[firesteel] object DataDirectory {

  /** Lists `uri`; a failure of kind io if there is no such directory or it cannot be read. */
  def list(sc: SparkContext, uri: String): DataDirectory = at(sc, uri) { (fileSystem, status) =>
    if (!status.isDirectory)
      throw new FiresteelException(
        Kind.IO,
        s"data $uri is a file, not a directory: ${DataAdvice.ofFile(status.getPath.getName)}"
      )
    of(fileSystem, status.getPath) // qualified; resolvePath would name a mounted directory by another file system
  }

  /** Of the names and lengths of all files below `uri`, in hexadecimal: other data have another one, as a rule. The
    * contents are not read.
    */
  def fingerprint(sc: SparkContext, uri: String): String = {
    val sha = MessageDigest.getInstance("SHA-256")
    def add(directory: DataDirectory, prefix: String): Unit = {
      directory.names.foreach(name => sha.update(s"$prefix$name ${directory.length(name)}\n".getBytes(UTF_8)))
      directory.folders.sortBy(_.getName).foreach { folder =>
        add(directory.below(folder), s"$prefix${folder.getName}/")
      }
    }
    add(list(sc, uri), "")
    HexFormat.of().formatHex(sha.digest())
  }

  /** The file that `uri` names; none if that is a directory. */
  def file(sc: SparkContext, uri: String): Option[FileStatus] = at(sc, uri) { (_, status) =>
    Option.when(status.isFile)(status)
  }

  private def at[A](sc: SparkContext, uri: String)(body: (FileSystem, FileStatus) => A): A =
    try {
      val path = FileSystems.path(uri)
      val fileSystem = FileSystems.of(path, sc.hadoopConfiguration)
      body(fileSystem, fileSystem.getFileStatus(path))
    } catch {
      case e: FileNotFoundException => throw new FiresteelException(Kind.IO, s"data directory $uri does not exist", e)
      case e: IOException => throw new FiresteelException(Kind.IO, s"list data directory $uri: ${e.getMessage}", e)
      case e: IllegalArgumentException =>
        throw new FiresteelException(Kind.CONFIG, s"data directory \"$uri\": ${e.getMessage}", e)
    }

  private def of(fileSystem: FileSystem, path: Path): DataDirectory = {
    val entries = fileSystem.listStatus(path).toSeq.flatMap(FileSystems.followed(fileSystem, _))
    val (files, others) = entries.partition(_.isFile)
    val byName = files.map(status => status.getPath.getName -> status).toMap
    new DataDirectory(path, fileSystem, byName, others.filter(_.isDirectory).map(_.getPath))
  }
}
