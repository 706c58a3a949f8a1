// A Hadoop file system of scheme `small` over local files, on which no file can be larger than a few bytes.
package io.firesteel.driver

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.permission.FsPermission
import org.apache.hadoop.fs.{FSDataOutputStream, FSError, FileSystem, Path, RawLocalFileSystem}
import org.apache.hadoop.util.Progressable

import java.io.{FilterOutputStream, IOException, OutputStream}
import java.net.URI

class SmallDisk extends RawLocalFileSystem {
  override def getScheme: String = "small"
  override def getUri: URI = URI.create("small:///")

  override def create(
      path: Path,
      permission: FsPermission,
      overwrite: Boolean,
      bufferSize: Int,
      replication: Short,
      blockSize: Long,
      progress: Progressable
  ): FSDataOutputStream = {
    val out = super.create(path, permission, overwrite, bufferSize, replication, blockSize, progress)
    new FSDataOutputStream(new SmallDisk.Limited(out), null)
  }

  override def create(path: Path, overwrite: Boolean): FSDataOutputStream =
    create(path, FsPermission.getFileDefault, overwrite, 4096, 1.toShort, 4096L, null)
}

object SmallDisk {
  val Bytes = 8

  def configuration: Configuration = {
    val conf = new Configuration()
    conf.setClass("fs.small.impl", classOf[SmallDisk], classOf[FileSystem])
    conf
  }

  private final class Limited(out: OutputStream) extends FilterOutputStream(out) {
    private var free = Bytes

    override def write(byte: Int): Unit = {
      if (free == 0) throw new FSError(new IOException("Disk full.")) // as RawLocalFileSystem does
      free -= 1
      out.write(byte)
    }
  }
}
