// Loads libfiresteel in the JVM that runs this, driver or executor. libtorch may have been shipped with the job.
package io.firesteel.train.workers

import io.firesteel.FiresteelException
import io.firesteel.jni.{Loader, NativeException}
import java.nio.file.Paths
import org.apache.spark.SparkFiles
import org.apache.spark.firesteel.ExecutorHost
import scala.jdk.CollectionConverters._

private[firesteel] object NativeLibrary {

  /** The name of the archive in `spark-submit --archives libtorch.tar.gz#libtorch`. */
  private val Alias = "libtorch"

  /** Loads the library unless it is loaded. Needs a running Spark.
    *
    * @throws io.firesteel.jni.NativeException of kind library if it cannot be loaded
    */
  def load(): Unit = {
    // Spark unpacks archives beside its files; YARN and Kubernetes into the process's own directory.
    val shipped = Seq(Paths.get(SparkFiles.getRootDirectory(), Alias), Paths.get(Alias).toAbsolutePath)
    try Loader.load(shipped.asJava)
    catch {
      case e: NativeException =>
        throw ExecutorHost.ofTask.fold(new FiresteelException(e.kind, e.getMessage, e)) { executor =>
          new FiresteelException(e.kind, s"$executor: ${e.getMessage}", e)
        }
    }
  }
}
