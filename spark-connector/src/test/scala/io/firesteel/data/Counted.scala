// A Hadoop file system of scheme `counted` over local files, which counts what is listed and opened.
package io.firesteel.data

import java.net.URI
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicInteger
import org.apache.hadoop.fs.{FSDataInputStream, FileStatus, Path, RawLocalFileSystem, RemoteIterator}
import scala.jdk.CollectionConverters._

class Counted extends RawLocalFileSystem {
  override def getScheme: String = "counted"
  override def getUri: URI = URI.create("counted:///")

  override def listStatus(path: Path): Array[FileStatus] = {
    Counted.listings.incrementAndGet()
    super.listStatus(path)
  }

  override def listStatusIterator(path: Path): RemoteIterator[FileStatus] = {
    Counted.listings.incrementAndGet()
    super.listStatusIterator(path)
  }

  override def open(path: Path, bufferSize: Int): FSDataInputStream = {
    Counted.names.add(path.getName)
    super.open(path, bufferSize)
  }
}

object Counted {
  val listings = new AtomicInteger
  private val names = new ConcurrentLinkedQueue[String]

  /** Names of the files that were opened, once for each time. */
  def opened: Seq[String] = names.asScala.toSeq.sorted

  def reset(): Unit = {
    listings.set(0)
    names.clear()
  }
}
