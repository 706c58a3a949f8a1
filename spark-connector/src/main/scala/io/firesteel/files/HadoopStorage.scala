// A directory on HDFS, or on another of Hadoop's file systems that can append and renames atomically.
package io.firesteel.files

import io.firesteel.StoredFile
import java.io.{FileNotFoundException, IOException, OutputStream}
import org.apache.hadoop.fs.{FSDataOutputStream, FileContext, FileSystem, Options, Path}
import org.apache.hadoop.fs.UnsupportedFileSystemException
import org.apache.hadoop.hdfs.client.HdfsDataInputStream
import scala.util.Using

/** @param retry repeats operations that fail while a namenode restarts */
private[firesteel] class HadoopStorage(fs: FileSystem, root: Path, retry: Retry) extends Storage {
  def location(name: String): String = file(name).toString

  def isFile: Boolean = retry {
    try !fs.getFileStatus(root).isDirectory
    catch { case _: FileNotFoundException => false }
  }

  def make(): Boolean = retry {
    val there = fs.exists(root)
    if (!there && !fs.mkdirs(root)) throw new IOException("the directory cannot be created")
    !there
  }

  def removeIfEmpty(): Unit = if (fs.exists(root) && fs.listStatus(root).isEmpty) fs.delete(root, false)

  def names: Seq[String] = retry(fs.listStatus(root).map(_.getPath.getName).toSeq)

  def contains(name: String): Boolean = retry(fs.exists(file(name)))

  def open(name: String): Option[StoredFile] = retry {
    try {
      val in = fs.open(file(name))
      val length = in match {
        case hdfs: HdfsDataInputStream => hdfs.getVisibleLength // correct also for a file that a killed run left open
        case _                         => fs.getFileStatus(file(name)).getLen
      }
      Some(new StoredFile(location(name), length, in))
    } catch { case _: FileNotFoundException => None }
  }

  /** Writes a temporary file, synchronizes it to the datanodes' disks, and renames it; all of it again if the network
    * or the namenode fails.
    */
  def replace(name: String)(write: OutputStream => Unit): Unit = {
    val temporary = file(Storage.temporary(name))
    try
      retry {
        Using.resource(fs.create(temporary, true)) { out =>
          write(out)
          out.hsync()
        }
        rename(temporary, file(name))
      }
    catch {
      case e: Throwable => // whatever it was, no incomplete file stays
        Storage.alsoFailing(e)(fs.delete(temporary, false))
        throw e
    }
  }

  def createNew(name: String, bytes: Array[Byte]): Boolean =
    try {
      makeNew(name, bytes)
      true
    } catch {
      // If another was first, this may be one of several exceptions. If only the reply was lost, the file is ours.
      case e: IOException =>
        open(name) match {
          case Some(there) => Using.resource(there)(_.in.readAllBytes().sameElements(bytes))
          case None        => throw e
        }
    }

  /** Creates the file, or throws if it exists. */
  protected def makeNew(name: String, bytes: Array[Byte]): Unit =
    Using.resource(fs.create(file(name), false))(_.write(bytes)) // the namenode lets one caller create it

  def atomic: Boolean = true

  def remove(name: String): Unit = retry(if (fs.exists(file(name))) fs.delete(file(name), false))

  def modified(name: String): Option[Long] = retry {
    try Some(fs.getFileStatus(file(name)).getModificationTime)
    catch { case _: FileNotFoundException => None }
  }

  def lines(name: String, allowed: () => Unit): LineWriter = new LineWriter {
    private val out: FSDataOutputStream =
      retry(if (fs.exists(file(name))) fs.append(file(name)) else fs.create(file(name)))

    def write(line: Array[Byte]): Unit = {
      out.write(line)
      out.hflush() // so that readers see each line, and it stays if the run is killed
    }
    def flush(): Unit = {
      allowed()
      out.hsync()
    }
    def close(): Unit = out.close()
  }

  protected final def file(name: String): Path = if (name.isEmpty) root else new Path(root, name)

  private def rename(from: Path, to: Path): Unit =
    try FileContext.getFileContext(to.toUri, fs.getConf).rename(from, to, Options.Rename.OVERWRITE)
    catch {
      case _: UnsupportedFileSystemException => // without an AbstractFileSystem there is no rename that replaces
        fs.delete(to, false)
        if (!fs.rename(from, to)) throw new IOException(s"cannot rename $from")
    }
}
