// The Hadoop file system of a URI. If its library is not on the class path, the message says which option adds it.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileSystem, Path, UnsupportedFileSystemException}
import org.apache.hadoop.util.VersionInfo

private[firesteel] object FileSystems {

  /** Hadoop's own libraries that are not part of Spark, by the URI schemes that they implement. */
  private val Artifacts = Map(
    "s3a" -> "hadoop-aws",
    "abfs" -> "hadoop-azure",
    "abfss" -> "hadoop-azure",
    "wasb" -> "hadoop-azure",
    "wasbs" -> "hadoop-azure",
    "oss" -> "hadoop-aliyun",
    "cosn" -> "hadoop-cos",
    "obs" -> "hadoop-huaweicloud"
  )
  private val OldS3 = Set("s3", "s3n") // schemes that Hadoop 3 does not have any more

  /** @throws FiresteelException of kind config if no class for the scheme can be loaded */
  def of(path: Path, conf: Configuration): FileSystem =
    try path.getFileSystem(conf)
    catch {
      case e: UnsupportedFileSystemException                                 => throw missing(path, e)
      case e: NoClassDefFoundError                                           => throw missing(path, e)
      case e: RuntimeException if causes(e, classOf[ClassNotFoundException]) => throw missing(path, e)
    }

  private def missing(path: Path, cause: Throwable): FiresteelException = {
    val scheme = path.toUri.getScheme
    val remedy = Artifacts.get(scheme) match {
      case Some(artifact) => s"give spark-submit --packages org.apache.hadoop:$artifact:${VersionInfo.getVersion}"
      case None if OldS3(scheme) => s"write s3a:// instead of $scheme://"
      case None                  => s"give spark-submit the library that serves $scheme:// with --packages or --jars"
    }
    val told = new FiresteelException(Kind.CONFIG, s"$path: its file system is not on the class path: $remedy")
    told.addSuppressed(cause) // shown in a stack trace only: its message is just the name of a class
    told
  }

  private def causes(error: Throwable, kind: Class[_]): Boolean =
    Iterator.iterate(error)(_.getCause).takeWhile(_ != null).take(MaxCauses).exists(kind.isInstance)

  private val MaxCauses = 16 // a chain of causes may be circular
}
