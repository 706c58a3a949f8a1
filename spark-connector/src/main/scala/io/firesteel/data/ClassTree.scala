// A folder of class folders, listed on the driver: which image files each class has.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.files.FileSystems
import io.firesteel.jni.Kind
import java.util.Locale
import java.util.concurrent.Executors
import org.apache.hadoop.fs.{FileSystem, Path}
import scala.concurrent.duration.Duration
import scala.concurrent.{Await, ExecutionContext, Future}

/** The image files of one class in the order of torchvision's ImageFolder, by folder and then by name.
  *
  * @param files paths below the folder of the classes, with their lengths in bytes
  * @param others how many other files are left out
  * @param other one of these
  * @param nested whether all files are in folders of this folder
  */
private[data] final case class ClassFolder(
    name: String,
    files: IndexedSeq[(String, Int)],
    others: Int,
    other: Option[String],
    nested: Boolean
)

private[data] object ClassTree {
  private val Suffixes = Seq(".jpg", ".jpeg", ".jpe", ".png")

  /** What the suffixes stand for, in messages. */
  val Kinds = "JPEG or PNG"

  /** A file that is larger is not taken for an image. The largest JPEG that phones write is below 100 MB. */
  private val MostBytes = 256 << 20

  private val Threads = 16 // they wait for the namenode or the object store, not for this machine's cores
  private val Depth = 32 // a link to a folder above it never ends

  /** Whether a file of this name is read as an image. */
  def isImage(name: String): Boolean = Suffixes.exists(name.toLowerCase(Locale.ROOT).endsWith)

  /** Hadoop's and Spark's mark of files and folders that are not data. */
  def isHidden(name: String): Boolean = name.startsWith(".") || name.startsWith("_")

  /** The folders of `directory` that are taken for classes, in the order of their labels. */
  def folders(directory: DataDirectory): IndexedSeq[Path] =
    directory.folders.filterNot(folder => isHidden(folder.getName)).sortBy(_.getName)(CodePoints).toIndexedSeq

  /** Lists each class folder of `directory` with the folders below it.
    *
    * @throws FiresteelException kind io for a folder that cannot be listed, data for a file that is too large
    */
  def list(directory: DataDirectory): IndexedSeq[ClassFolder] = {
    val paths = folders(directory)
    val pool = Executors.newFixedThreadPool(math.max(1, math.min(Threads, paths.length)))
    implicit val context: ExecutionContext = ExecutionContext.fromExecutorService(pool)
    try Await.result(Future.traverse(paths)(path => Future(of(directory.fileSystem, path))), Duration.Inf)
    finally pool.shutdownNow()
  }

  private def of(fileSystem: FileSystem, folder: Path): ClassFolder = {
    val files = IndexedSeq.newBuilder[(String, Int)]
    var others = 0
    var other: Option[String] = None
    def visit(path: Path, name: String, depth: Int): Unit = {
      if (depth > Depth)
        throw new FiresteelException(
          Kind.DATA,
          s"$path is more than $Depth folders deep: is it a link to one above it?"
        )
      for (
        entry <- ReadFailure.listed(path)(FileSystems.entries(fileSystem, path).toVector)
        if !isHidden(entry.getPath.getName)
      ) {
        val inner = s"$name/${entry.getPath.getName}"
        if (entry.isDirectory) visit(entry.getPath, inner, depth + 1)
        else if (!isImage(inner)) {
          others += 1
          if (other.isEmpty) other = Some(inner)
        } else files += inner -> length(entry.getPath, entry.getLen)
      }
    }
    visit(folder, folder.getName, depth = 0)
    val sorted = files.result().sortBy { case (file, _) => file.splitAt(file.lastIndexOf('/')) }
    ClassFolder(folder.getName, sorted, others, other, sorted.forall { case (file, _) => file.count(_ == '/') > 1 })
  }

  /** Checks the length of an image file. */
  def length(file: Path, bytes: Long): Int = {
    if (bytes > MostBytes)
      throw new FiresteelException(Kind.DATA, s"$file: $bytes bytes are more than an image may have, $MostBytes")
    bytes.toInt
  }

  private implicit def byFolder: Ordering[(String, String)] = Ordering.Tuple2(CodePoints, CodePoints)
}

/** Orders text as Python does. Java's order differs for characters beyond U+FFFF. */
private[data] object CodePoints extends Ordering[String] {
  def compare(a: String, b: String): Int = {
    val shorter = math.min(a.length, b.length)
    var at = 0
    while (at < shorter && a.charAt(at) == b.charAt(at)) at += 1
    if (at == shorter) Integer.compare(a.length, b.length)
    else Integer.compare(a.codePointAt(at), b.codePointAt(at))
  }
}
