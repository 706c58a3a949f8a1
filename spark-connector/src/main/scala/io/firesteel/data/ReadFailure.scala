// What is said of a data file that cannot be read: its path, the executor that could not, the reason, and what helps.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import java.io.{FileNotFoundException, IOException}
import java.nio.file.{AccessDeniedException, Files, NoSuchFileException, Paths}
import org.apache.hadoop.fs.Path
import org.apache.hadoop.security.{AccessControlException, UserGroupInformation}
import org.apache.spark.firesteel.ExecutorHost
import org.apache.spark.rdd.RDD
import org.apache.spark.{Partition, TaskContext}

private[firesteel] object ReadFailure {

  /** Runs `body`, which reads the file `path`, on the driver or in a task.
    *
    * @throws FiresteelException kind config where the driver sees a file that an executor does not: another attempt would
    *   end in it, too; kind io for all else that keeps it from being read
    */
  def told[A](path: String)(body: => A): A =
    try body
    catch { case e: IOException => throw of(path, e, place) }

  /** Runs `body`, which lists `folder` on the driver.
    *
    * @throws FiresteelException kind io where it cannot be listed
    */
  def listed[A](folder: Path)(body: => A): A =
    try body
    catch { case e: IOException => throw ofListing(folder.toString, e) }

  def ofListing(folder: String, cause: IOException): FiresteelException = {
    // Java lists no folder that it may not read, and does not say why
    def refused =
      isRefused(folder, cause) || isLocalFile(folder) && !Files.isReadable(Paths.get(new Path(folder).toUri.getPath))
    if (isAbsent(folder, cause)) new FiresteelException(Kind.IO, s"list $folder: it is not there any more")
    else if (refused)
      new FiresteelException(Kind.IO, s"list $folder: user $user may not: give it permission to read the folder")
    else new FiresteelException(Kind.IO, s"list $folder", cause)
  }

  private def user: String = UserGroupInformation.getCurrentUser.getShortUserName

  /** @param place ` in executor 1 on host h`, empty on the driver and in local Spark */
  def of(path: String, cause: IOException, place: String): FiresteelException = {
    val absent = isAbsent(path, cause)
    if (absent && place.nonEmpty)
      new FiresteelException(
        Kind.CONFIG,
        s"read $path$place: the driver sees it and that machine does not: --data must be where every machine reads it, " +
          "hdfs:// or s3a:// or a directory that all of them mount"
      )
    else if (absent) new FiresteelException(Kind.IO, s"read $path$place: it is not there any more")
    else if (isRefused(path, cause))
      new FiresteelException(Kind.IO, s"read $path$place: user $user may not: give it permission to read the file")
    else new FiresteelException(Kind.IO, s"read $path$place", cause)
  }

  private def isAbsent(path: String, cause: IOException): Boolean = cause match {
    case _: NoSuchFileException   => true
    case _: FileNotFoundException => !isLocalFile(path)
    case _                        => false
  }

  /** On a local disk the JDK tells a missing right as a file that is not found. */
  private def isRefused(path: String, cause: IOException): Boolean = cause match {
    case _: AccessControlException | _: AccessDeniedException => true
    case _: FileNotFoundException                             => isLocalFile(path)
    case _                                                    => false
  }

  private def isLocalFile(path: String): Boolean = {
    val uri = new Path(path).toUri
    uri.getScheme == "file" && Files.exists(Paths.get(uri.getPath))
  }

  private def place: String = ExecutorHost.ofTask.fold("")(executor => s" in $executor")
}

/** The records that `parent` reads from the file `path`; a failure to read them is told by [[ReadFailure]]. */
private[data] final class FileRecords(path: String, parent: RDD[(Long, Array[Byte])])
    extends RDD[(Long, Array[Byte])](parent) {
  protected def getPartitions: Array[Partition] = firstParent[(Long, Array[Byte])].partitions

  override protected def getPreferredLocations(split: Partition): Seq[String] =
    firstParent[(Long, Array[Byte])].preferredLocations(split)

  def compute(split: Partition, context: TaskContext): Iterator[(Long, Array[Byte])] = {
    val records = ReadFailure.told(path)(firstParent[(Long, Array[Byte])].iterator(split, context)) // opens the file
    new Iterator[(Long, Array[Byte])] {
      def hasNext: Boolean = ReadFailure.told(path)(records.hasNext)
      def next(): (Long, Array[Byte]) = ReadFailure.told(path)(records.next())
    }
  }
}
