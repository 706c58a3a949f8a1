// What a run needs of the file system with its output directory. There are three implementations: this machine's files
// (LocalStorage), HDFS and similar file systems (HadoopStorage), and object stores (ObjectStorage). Directory adds the
// path to the messages of failures.
package io.firesteel.files

import io.firesteel.{FiresteelException, StoredFile}
import java.io.{IOException, OutputStream}
import java.nio.file.Paths
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{CommonPathCapabilities, LocalFileSystem}

/** One directory. All methods throw IOException, and Hadoop's FSError. */
private[firesteel] trait Storage {

  /** Whether there is a file in place of the directory. */
  def isFile: Boolean

  /** Creates the directory unless it exists; returns whether it was created. */
  def make(): Boolean

  /** What keeps the directory from being made or written, where this place can tell. */
  def obstacle: Option[String] = None

  /** Deletes the directory if it is empty. */
  def removeIfEmpty(): Unit

  /** Names of the files in the directory. */
  def names: Seq[String]

  def contains(name: String): Boolean

  /** The file, with all that was flushed so far; None if it does not exist. */
  def open(name: String): Option[StoredFile]

  /** Replaces or creates the file with what `write` writes. When this returns, it is complete and on disk. `write` may
    * be called more than once.
    */
  def replace(name: String)(write: OutputStream => Unit): Unit

  /** Creates the file with these bytes unless it exists; returns whether it did. If [[atomic]], only one of several
    * callers creates it.
    */
  def createNew(name: String, bytes: Array[Byte]): Boolean

  /** Whether the file system guarantees that only one of several callers of [[createNew]] succeeds. */
  def atomic: Boolean

  /** Deletes the file, if it exists. */
  def remove(name: String): Unit

  /** When the file was last written, in milliseconds by the clock of the file system; None if it does not exist. */
  def modified(name: String): Option[Long]

  /** Opens a file to append lines. `allowed` is called before the file is replaced or forced to disk, and throws if this
    * run may not write any more.
    */
  def lines(name: String, allowed: () => Unit): LineWriter

  /** The path or URI of the file, for messages; that of the directory if `name` is empty. */
  def location(name: String): String
}

/** Appends lines to a file. A crash loses at most the lines since the last [[flush]]. */
private[firesteel] trait LineWriter extends AutoCloseable {

  /** @param line ends with a newline */
  def write(line: Array[Byte]): Unit

  /** Returns when all lines so far would survive a crash of this machine. */
  def flush(): Unit
}

private[firesteel] object Storage {

  /** URI schemes of object stores, in which a file appears once it is completely written, and a rename is a copy. A
    * file system of another scheme that cannot append is treated as one, too.
    */
  private val Objects = Set("s3a", "s3", "s3n", "gs", "oss", "cosn", "obs")

  def at(uri: String, conf: Configuration): Storage = {
    val asked = FileSystems.path(uri)
    FileSystems.of(asked, conf) match {
      case local: LocalFileSystem => new LocalStorage(Paths.get(local.makeQualified(asked).toUri.getPath))
      case other                  =>
        val root = other.makeQualified(asked)
        if (Objects(other.getUri.getScheme) || !other.hasPathCapability(root, CommonPathCapabilities.FS_APPEND))
          new ObjectStorage(other, root)
        else new HadoopStorage(other, root, Retry.standard)
    }
  }

  /** The name of the temporary file that is renamed to `name`. */
  def temporary(name: String): String = s".$name.tmp"

  /** Runs `cleaning`; if it fails, too, that is attached to `failure`, which is the one to report. */
  def alsoFailing(failure: Throwable)(cleaning: => Unit): Unit =
    try cleaning
    catch { case e @ (_: IOException | _: FiresteelException) => failure.addSuppressed(e) }
}
