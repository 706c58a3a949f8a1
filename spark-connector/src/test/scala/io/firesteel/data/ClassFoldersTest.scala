// Class folders of images.
package io.firesteel.data

import io.firesteel.{FiresteelException, TestSpark}
import io.firesteel.jni.Kind
import java.nio.ByteBuffer
import java.nio.ByteOrder.LITTLE_ENDIAN
import java.nio.file.{Files, Path}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class ClassFoldersTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private def folders(names: String*): Path = {
    val directory = Files.createTempDirectory("firesteel-folders-")
    names.foreach(name => Pictures.write(directory, name, Pictures.plain(name.hashCode & 0xffffff)))
    directory
  }

  private def open(directory: Path, validation: Option[Double] = None, seed: Long = 0): ImageFiles =
    ImageFiles.open(sc, directory.toString, None, validation, seed)

  private def fails(directory: Path, validation: Option[Double] = None): (Kind, String) = {
    val error = intercept[FiresteelException](open(directory, validation))
    (error.kind, error.getMessage.replace(s"file:$directory", "DIR").replace(directory.toString, "DIR"))
  }

  /** File name and label of each row. */
  private def rows(source: ImageSource): Seq[(String, Int)] =
    source.records.collect().toSeq.sortBy(_._1).map { case (row, record) =>
      Path.of(source.locate(row)).getFileName.toString -> ByteBuffer.wrap(record).order(LITTLE_ENDIAN).getInt
    }

  test("classes are sorted folders, and rows come by class, folder and name") {
    val directory = folders("dog/b.png", "dog/a.PNG", "cat/x/2.png", "cat/1.JPG", "cat/.hidden.png", "_old/z.png")
    val files = open(directory)
    assert(files.dataset == "images" && files.test.isEmpty && files.validation.isEmpty)
    assert(files.train.names == Seq("cat", "dog") && files.train.classes == 2 && files.train.rows == 4)
    assert(rows(files.train) == Seq("1.JPG" -> 0, "2.png" -> 0, "a.PNG" -> 1, "b.png" -> 1))
    assert(files.train.format == RecordFormat.Encoded && files.train.split == "train")
  }

  test("a record is the label and the bytes of the file") {
    val directory = folders("a/1.png", "b/2.png")
    val record = open(directory).train.records.collect().toMap.apply(1L)
    assert(record.drop(4).sameElements(Files.readAllBytes(directory.resolve("b/2.png"))))
  }

  test("train, val and test are parts of a data set, and validation is what is evaluated") {
    val files = open(folders("train/a/1.png", "train/b/2.png", "val/b/3.png", "test/a/4.png", "test/b/5.png"))
    assert(rows(files.train) == Seq("1.png" -> 0, "2.png" -> 1))
    assert(rows(files.evaluated.get) == Seq("3.png" -> 1) && files.evaluated.get.split == "validation")
    assert(rows(files.test.get) == Seq("4.png" -> 0, "5.png" -> 1))
  }

  test("a part of the training images is held back by their names alone") {
    val names = for (class_ <- Seq("a", "b"); i <- 1 to 60) yield s"$class_/$i.png"
    val directory = folders(names: _*)
    val files = open(directory, Some(0.25))
    val held = rows(files.validation.get)
    assert(files.train.rows + files.validation.get.rows == 120)
    assert((15 to 45).contains(held.size), "expected 30 with a deviation of 5")
    assert(rows(open(directory, Some(0.25)).validation.get) == held)
    assert(rows(open(directory, Some(0.25), seed = 1).validation.get) != held)
    Files.delete(directory.resolve("a/1.png"))
    assert(rows(open(directory, Some(0.25)).validation.get) == held.filterNot(_ == ("1.png" -> 0)))
  }

  test("small files do not cost a task each") {
    val files = open(folders((1 to 100).flatMap(i => Seq(s"a/$i.png", s"b/$i.png")): _*))
    assert(files.train.records.getNumPartitions <= 4)
  }

  test("what is wrong is told with its folder") {
    val empty = folders("a/1.png", "b/2.png")
    Files.createDirectory(empty.resolve("c"))
    assert(fails(empty) == (Kind.DATA, "DIR/c has no images: remove the folder, or put images there"))
    assert(fails(folders("a/1.png")) == (Kind.DATA, "DIR has one class, a: a net tells two at least"))
    val more = folders("train/a/1.png", "train/b/1.png", "test/c/1.png")
    assert(fails(more) == (Kind.DATA, "DIR/test/c: training has no class c"))
    val flat =
      "DIR: no training files: 1.png lies there without a class: put the images of each class into a folder of its name"
    assert(fails(folders("1.png")) == (Kind.DATA, flat))
    val told = folders("train/a/1.png", "train/b/1.png", "validation/a/2.png")
    assert(fails(told, Some(0.5)) == (Kind.CONFIG, "DIR/validation is the validation set: leave --validation out"))
    val cifar = intercept[FiresteelException](
      ImageFiles.open(sc, TestSpark.fixture("cifar10-tiny"), None, Some(0.5))
    )
    assert(cifar.kind == Kind.CONFIG && cifar.getMessage.contains("validation divides class folders"))
  }
}
