// Loads libfiresteel in whatever JVM runs this, driver or executor, also with a libtorch that travels with the job.
package io.firesteel.train.workers

import io.firesteel.jni.Loader
import java.nio.file.Paths
import org.apache.spark.SparkFiles
import scala.jdk.CollectionConverters._

private[train] object NativeLibrary {

  /** The name of the archive in `spark-submit --archives libtorch.tar.gz#libtorch`. */
  private val Alias = "libtorch"

  /** Loads the library once; kind library when it cannot. Needs a running Spark. */
  def load(): Unit = {
    // Spark unpacks archives beside its files; YARN and Kubernetes into the process's own directory.
    val shipped = Seq(Paths.get(SparkFiles.getRootDirectory(), Alias), Paths.get(Alias).toAbsolutePath)
    Loader.load(shipped.asJava)
  }
}
