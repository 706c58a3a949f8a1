// The image files of a set of class folders, listed on the driver and read in executors.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import java.nio.charset.StandardCharsets.UTF_8
import java.security.MessageDigest
import java.util.Locale
import org.apache.hadoop.fs.{FileStatus, Path}
import org.apache.spark.SparkContext
import org.apache.spark.util.SerializableConfiguration
import scala.util.Using

/** One image file.
  *
  * @param name of its class
  * @param relative path below the folders of all classes
  */
private[data] final case class ImageFile(path: Path, length: Long, name: String, relative: String)

/** @param root the folder of the class folders
  * @param classes names, sorted
  * @param files by class, then by folder and name, which is torchvision's order
  * @param others files that are not named as images
  */
private[data] final case class ImageListing(
    root: Path,
    classes: IndexedSeq[String],
    files: IndexedSeq[ImageFile],
    others: Int
) {

  /** The files of which `fraction` are expected, told by a hash of each file's own name, and all others. */
  def split(fraction: Double, seed: Long): (ImageListing, ImageListing) = {
    val (in, out) = files.partition(file => ImageListing.share(file.relative, seed) < fraction)
    (copy(files = in), copy(files = out))
  }

  /** The rows of these files; a label is the place of its class in `names`. */
  def source(sc: SparkContext, names: IndexedSeq[String]): ImageSource = {
    val labels = names.zipWithIndex.toMap
    val paths = files.map(_.path.toString)
    val read = files.indices.map(row => ImageRead(row.toLong, paths(row), files(row).length, labels(files(row).name)))
    val conf = sc.broadcast(new SerializableConfiguration(sc.hadoopConfiguration))
    val groups = ImageListing.groups(read, sc.defaultParallelism)
    val records = sc.parallelize(groups, groups.length).flatMap(_.iterator.map(_.record(conf.value)))
    ImageSource(records, files.length.toLong, names.length, RecordFormat.Encoded, row => paths(row.toInt), names)
  }
}

/** How an executor reads one file: its row, path, length and label. */
private[data] final case class ImageRead(row: Long, path: String, length: Long, label: Int) {
  def record(conf: SerializableConfiguration): (Long, Array[Byte]) = {
    val at = new Path(path)
    val bytes = ReadFailure.told(path) {
      Using.resource(FileSystems.of(at, conf.value).open(at))(_.readNBytes(length.toInt))
    }
    row -> ImageRecords.record(label, bytes)
  }
}

private[data] object ImageListing {
  private val Suffixes = Seq(".jpg", ".jpeg", ".jpe", ".png")
  private val MostBytes = 256L << 20 // of one file; Pillow's largest image is smaller as a file
  private val GroupBytes = 16L << 20 // of the files that one task reads, so that small files do not cost a task each

  /** Whether a file of this name is taken for an image. */
  def isImage(name: String): Boolean = Suffixes.exists(name.toLowerCase(Locale.ROOT).endsWith)

  /** Lists the class folders in `root`, and the files below them. Names that begin with `.` or `_` are left out.
    *
    * @throws FiresteelException of kind data for a folder without images, of kind io for one that cannot be read
    */
  def of(directory: DataDirectory, root: Path): ImageListing = {
    val classes = directory.folders(root).map(_.getName).filterNot(isHidden).sorted.toIndexedSeq
    if (classes.isEmpty) fail(s"$root has no class folders: the images of each class are in a folder of its name")
    val (images, others) =
      directory.filesBelow(root).map(file(root, _)).filterNot(hidden).partition(file => isImage(file.path.getName))
    val listed = images.filter(_.relative.contains('/'))
    val present = listed.map(_.name).toSet
    classes
      .find(!present(_))
      .foreach(name => fail(s"$root/$name has no images: remove the folder, or put images there"))
    listed
      .find(_.length > MostBytes)
      .foreach(file => fail(s"${file.path}: ${file.length} bytes are too many for an image"))
    val sorted = listed.sortBy(file => (file.name, file.path.getParent.toString, file.path.getName)).toIndexedSeq
    ImageListing(root, classes, sorted, others.length + images.length - listed.length)
  }

  private def file(root: Path, status: FileStatus): ImageFile = {
    val relative = root.toUri.relativize(status.getPath.toUri).getPath
    ImageFile(status.getPath, status.getLen, relative.takeWhile(_ != '/'), relative)
  }

  private def hidden(file: ImageFile): Boolean = file.relative.split('/').exists(isHidden)

  private def isHidden(name: String): Boolean = name.startsWith(".") || name.startsWith("_")

  /** A number in [0, 1) that depends on the text and the seed alone, the same on every machine. */
  private def share(text: String, seed: Long): Double = {
    val digest = MessageDigest.getInstance("SHA-256").digest(s"$seed/$text".getBytes(UTF_8))
    val high = digest.take(6).foldLeft(0L)((number, byte) => number << 8 | byte & 0xff)
    high.toDouble / (1L << 48)
  }

  /** Consecutive files for one task each: of about the same number of bytes, and at least `most` tasks if there are so
    * many files.
    */
  private def groups(files: IndexedSeq[ImageRead], most: Int): Seq[IndexedSeq[ImageRead]] = {
    val total = files.map(_.length).sum
    val bytes = math.max(1L, math.min(GroupBytes, total / math.max(1, most)))
    val starts = files.scanLeft(0L)(_ + _.length)
    files.zip(starts).groupBy { case (_, start) => start / bytes }.toSeq.sortBy(_._1).map(_._2.map(_._1))
  }

  private def fail(what: String): Nothing = throw new FiresteelException(Kind.DATA, what)
}
