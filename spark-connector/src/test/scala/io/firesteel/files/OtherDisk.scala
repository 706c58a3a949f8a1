// A Hadoop file system of scheme `other` over local files. It is used like HDFS, but reports a full disk by an FSError.
package io.firesteel.files

import java.net.URI
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileSystem, RawLocalFileSystem}

class OtherDisk extends RawLocalFileSystem {
  override def getScheme: String = "other"
  override def getUri: URI = URI.create("other:///")
}

object OtherDisk {
  def configuration: Configuration = {
    val conf = new Configuration()
    conf.setClass("fs.other.impl", classOf[OtherDisk], classOf[FileSystem])
    conf
  }
}
