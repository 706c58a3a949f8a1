// A Hadoop file system of scheme `driver` over local files that no executor sees, as a directory of the driver's machine.
package io.firesteel.data

import java.io.FileNotFoundException
import java.net.URI
import org.apache.hadoop.fs.{FSDataInputStream, Path, RawLocalFileSystem}
import org.apache.spark.SparkEnv

class DriverDisk extends RawLocalFileSystem {
  override def getScheme: String = "driver"
  override def getUri: URI = URI.create("driver:///")

  override def open(path: Path, bufferSize: Int): FSDataInputStream =
    if (SparkEnv.get.executorId == "driver") super.open(path, bufferSize)
    else throw new FileNotFoundException(s"File $path does not exist")
}
