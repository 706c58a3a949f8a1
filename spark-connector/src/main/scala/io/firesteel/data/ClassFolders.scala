// Class folders: the image files of each class are in a folder that has the name of the class, as torchvision's ImageFolder
// reads them. The driver lists the files, executors read them, and the engine decodes them.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.hadoop.fs.Path
import org.apache.spark.SparkContext
import org.slf4j.LoggerFactory

private[data] case object ClassFolders extends ImageFiles.Reader {
  private val log = LoggerFactory.getLogger(getClass)

  def name: String = "images"

  def lookedFor: String = "CLASS/*.jpg or *.png, or train/CLASS/.. beside validation/ (or val/) and test/"

  private val Training = "train"
  private val Validation = Seq("validation", "val")
  private val Testing = "test"

  def found(directory: DataDirectory): Boolean =
    directory.holdsBelow(ImageListing.isImage, training(directory).fold(1)(_ => 2))

  def open(sc: SparkContext, directory: DataDirectory): ImageFiles = open(sc, directory, None, 0)

  /** Opens class folders.
    *
    * @param fraction of the training images that become the validation set, if there is no folder of one
    * @param seed that decides which they are
    * @throws FiresteelException of kind data for a class without images, or one that training lacks
    */
  def open(sc: SparkContext, directory: DataDirectory, fraction: Option[Double], seed: Long): ImageFiles = {
    val root = training(directory).getOrElse(directory.path)
    val train = ImageListing.of(directory, root)
    val classes = train.classes
    if (classes.length < 2) fail(s"$root has one class, ${classes.mkString}: a net tells two at least")
    def part(names: String*): Option[ImageListing] =
      names.flatMap(directory.folder).headOption.map { path =>
        val listing = ImageListing.of(directory, path)
        listing.classes.find(!classes.contains(_)).foreach(name => fail(s"$path/$name: training has no class $name"))
        listing
      }
    val divided = training(directory).isDefined
    val validation = if (divided) part(Validation: _*) else None
    val test = if (divided) part(Testing) else None
    if (fraction.nonEmpty && validation.nonEmpty)
      throw new FiresteelException(
        Kind.CONFIG,
        s"${validation.get.root} is the validation set: leave --validation out"
      )
    val (kept, held) = fraction.fold((train, Option.empty[ImageListing])) { part =>
      val (held, kept) = train.split(part, seed)
      if (held.files.isEmpty) fail(s"$root: the validation set of $part of ${train.files.length} images is empty")
      (kept, Some(held))
    }
    classes.find(name => !kept.files.exists(_.name == name)).foreach { name =>
      fail(s"$root/$name: all its images are in the validation set: take a smaller part of them, or another seed")
    }
    val source = (listing: ImageListing) => listing.source(sc, classes)
    for (listing <- Seq(train) ++ validation ++ test if listing.others > 0)
      log.warn(s"${listing.root}: ${listing.others} files are left out, since they are not named as JPEG or PNG images")
    ImageFiles(name, source(kept), test.map(source), validation.orElse(held).map(source))
  }

  private def training(directory: DataDirectory): Option[Path] = directory.folder(Training)

  private def fail(what: String): Nothing = throw new FiresteelException(Kind.DATA, what)
}
