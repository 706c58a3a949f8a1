// A directory of this machine. It does not use Hadoop's local file system, which leaves .crc files behind, does not
// create a new file atomically, reports a full disk by an Error, and never forces data to disk.
package io.firesteel.files

import io.firesteel.StoredFile
import java.io.{BufferedOutputStream, FileOutputStream, OutputStream}
import java.nio.channels.FileChannel
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import java.nio.file.StandardOpenOption.{CREATE_NEW, READ, WRITE}
import java.nio.file.{DirectoryNotEmptyException, FileAlreadyExistsException, Files, Path}
import scala.jdk.CollectionConverters._
import scala.util.Using

private[firesteel] class LocalStorage(root: Path) extends Storage {
  def location(name: String): String = file(name).toString

  def isFile: Boolean = Files.exists(root) && !Files.isDirectory(root)

  def make(): Boolean = {
    val there = Files.exists(root)
    Files.createDirectories(root)
    !there
  }

  override def obstacle: Option[String] = {
    val there = Iterator.iterate(root.toAbsolutePath.normalize)(_.getParent).takeWhile(_ != null).find(Files.exists(_))
    there.filterNot(Files.isWritable(_)).orElse(there.filterNot(Files.isDirectory(_))).map { place =>
      if (!Files.isDirectory(place)) s"$place is a file"
      else if (Files.getFileStore(place).isReadOnly) s"$place is on a read-only file system"
      else s"user ${sys.props("user.name")} may not write in $place"
    }
  }

  def removeIfEmpty(): Unit =
    try Files.deleteIfExists(root)
    catch { case _: DirectoryNotEmptyException => }

  def names: Seq[String] = Using.resource(Files.list(root))(_.iterator.asScala.map(_.getFileName.toString).toSeq)

  def contains(name: String): Boolean = Files.exists(file(name))

  def open(name: String): Option[StoredFile] = Option.when(contains(name)) {
    new StoredFile(location(name), Files.size(file(name)), Files.newInputStream(file(name)))
  }

  /** Writes a temporary file, forces it to disk, renames it, and forces the directory to disk: after a power failure
    * there is either the old or the new file.
    */
  def replace(name: String)(write: OutputStream => Unit): Unit = {
    val temporary = file(Storage.temporary(name))
    try {
      Using.resource(new FileOutputStream(temporary.toFile)) { out =>
        val buffered = new BufferedOutputStream(out, 1 << 16)
        write(buffered)
        buffered.flush()
        out.getFD.sync()
      }
      Files.move(temporary, file(name), ATOMIC_MOVE) // rename(2) replaces
    } catch {
      case e: Throwable => // whatever it was, no incomplete file stays
        Storage.alsoFailing(e)(Files.deleteIfExists(temporary))
        throw e
    }
    force()
  }

  def createNew(name: String, bytes: Array[Byte]): Boolean =
    try {
      Using.resource(Files.newOutputStream(file(name), CREATE_NEW, WRITE))(_.write(bytes)) // O_EXCL
      true
    } catch { case _: FileAlreadyExistsException => false }

  def atomic: Boolean = true

  def remove(name: String): Unit = Files.deleteIfExists(file(name))

  def modified(name: String): Option[Long] =
    Option.when(contains(name))(Files.getLastModifiedTime(file(name)).toMillis)

  def lines(name: String, allowed: () => Unit): LineWriter = new LineWriter {
    private val out = new FileOutputStream(file(name).toFile, true)

    def write(line: Array[Byte]): Unit =
      out.write(line) // unbuffered, so that readers see it, and it stays if the run is killed
    def flush(): Unit = {
      allowed()
      out.getFD.sync()
    }
    def close(): Unit = out.close()
  }

  private def file(name: String): Path = root.resolve(name)

  private def force(): Unit = Using.resource(FileChannel.open(root, READ))(_.force(true))
}
