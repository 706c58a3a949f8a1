// What a run needs of the place where it keeps its files, and the three kinds of places: this machine's file system,
// HDFS and its like (LocalStorage, HadoopStorage), and object stores (ObjectStorage). OutputDir names what fails.
package io.firesteel.driver.files

import io.firesteel.{FiresteelException, StoredFile}
import io.firesteel.data.FileSystems
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{CommonPathCapabilities, LocalFileSystem, Path}

import java.io.{IOException, OutputStream}
import java.nio.file.Paths

/** One directory. All methods throw IOException, and Hadoop's FSError. */
private[driver] trait Storage {

  /** Whether something that is no directory has its name. */
  def isFile: Boolean

  /** Makes the directory, unless it is there; whether it was made. */
  def make(): Boolean

  /** Takes the directory away if nothing is in it. */
  def removeIfEmpty(): Unit

  /** Names of the files in the directory. */
  def names: Seq[String]

  def contains(name: String): Boolean

  /** The file, None where there is none. What a writer has flushed so far is in it. */
  def open(name: String): Option[StoredFile]

  /** Puts what `write` writes in place of the file, whole and on disk when this returns. `write` may be called again. */
  def replace(name: String)(write: OutputStream => Unit): Unit

  /** Makes the file with these bytes if there is none; whether it did. Of several that try, one does, where `atomic`. */
  def createNew(name: String, bytes: Array[Byte]): Boolean

  /** Whether this place guarantees `createNew`. */
  def atomic: Boolean

  /** Takes the file away, if it is there. */
  def remove(name: String): Unit

  /** When the file was last written, in milliseconds by the clock of this place; None where there is none. */
  def modified(name: String): Option[Long]

  /** Opens a file to add lines after those that it holds. `allowed` throws where the file may not be written over. */
  def lines(name: String, allowed: () => Unit): LineWriter

  /** The file as a person would write it; the directory where `name` is empty. */
  def location(name: String): String
}

/** Adds lines to a file. A crash loses the lines since the last [[flush]] at most. */
private[driver] trait LineWriter extends AutoCloseable {

  /** @param line ends with a newline */
  def write(line: Array[Byte]): Unit

  /** Returns when all lines written are where a crash of this machine does not reach them. */
  def flush(): Unit
}

private[driver] object Storage {

  /** Schemes of stores of objects, where a file is there when it is written to its end, and a rename copies it. Others
    * that cannot append are taken for such.
    */
  private val Objects = Set("s3a", "s3", "s3n", "gs", "oss", "cosn", "obs")

  def at(uri: String, conf: Configuration): Storage = {
    val asked = new Path(uri)
    FileSystems.of(asked, conf) match {
      case local: LocalFileSystem => new LocalStorage(Paths.get(local.makeQualified(asked).toUri.getPath))
      case other                  =>
        val root = other.makeQualified(asked)
        if (Objects(other.getUri.getScheme) || !other.hasPathCapability(root, CommonPathCapabilities.FS_APPEND))
          new ObjectStorage(other, root)
        else new HadoopStorage(other, root, Retry.standard)
    }
  }

  /** The name under which a file is written that replaces `name`. */
  def temporary(name: String): String = s".$name.tmp"

  /** Cleans up after `failure`, which is what must be told. */
  def alsoFailing(failure: Throwable)(cleaning: => Unit): Unit =
    try cleaning
    catch { case e @ (_: IOException | _: FiresteelException) => failure.addSuppressed(e) }
}
