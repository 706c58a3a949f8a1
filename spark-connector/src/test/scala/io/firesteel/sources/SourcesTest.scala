// The tables of Spark SQL: their columns and rows, what a query reads of them, and what is said of wrong options.
package io.firesteel.sources

import io.firesteel.data.{Counted, FixedRecords, ImageFiles, ImageSource, TestImages}
import io.firesteel.jni.Kind
import io.firesteel.{FiresteelException, TestSpark}
import java.nio.ByteBuffer
import java.nio.file.{Files, Path}
import org.apache.spark.SparkContext
import org.apache.spark.sql.{DataFrame, Row, SparkSession}
import org.apache.spark.sql.types.StructType
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class SourcesTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext =
    TestSpark.context("local[2]", "spark.hadoop.fs.counted.impl" -> classOf[Counted].getName)
  private lazy val spark = {
    assert(!sc.isStopped)
    SparkSession.builder().getOrCreate()
  }

  override def afterAll(): Unit = sc.stop()

  private def load(format: String, path: Any, options: (String, String)*): DataFrame =
    spark.read.format(format).options(options.toMap).load(path.toString)

  private def refused(format: String, path: Any, options: (String, String)*): FiresteelException =
    intercept[FiresteelException](load(format, path, options: _*))

  /** Label, file, row and, row by row, the red, green and blue planes of an image or its one grey plane. */
  private def rows(frame: DataFrame): Seq[(Int, String, Long, Seq[Byte])] =
    frame.collect().toSeq.map { row =>
      val (file, image) = (row.getAs[String]("file"), row.getAs[Row]("image"))
      def size(field: String) = image.getAs[Int](field)
      val channels = size("nChannels")
      assert(size("mode") == (if (channels == 3) 16 else 0) && image.getAs[String]("origin") == file)
      val data = image.getAs[Array[Byte]]("data")
      assert(data.length == size("height") * size("width") * channels)
      val planes = (channels - 1 to 0 by -1).flatMap(c => data.indices.by(channels).map(at => data(at + c)))
      (row.getAs[Int]("label"), file, row.getAs[Long]("row"), planes)
    }

  /** The same of what the readers give. */
  private def rows(source: ImageSource): Seq[(Int, String, Long, Seq[Byte])] = {
    val format = source.format.asInstanceOf[FixedRecords]
    source.records.collect().toSeq.map { case (row, record) =>
      (format.label(record), source.locate(row).replaceAll(": record.*", ""), row, record.drop(format.labelBytes).toSeq)
    }
  }

  test("the columns are Spark's image, or a file's content, and what is known of the row") {
    val rest = "label INT NOT NULL, label_name STRING, file STRING NOT NULL, row BIGINT NOT NULL"
    val image = "STRUCT<origin: STRING, height: INT NOT NULL, width: INT NOT NULL, nChannels: INT NOT NULL, " +
      "mode: INT NOT NULL, data: BINARY NOT NULL>"
    def columns(format: String, path: Any) = load(format, path).schema
    for ((format, fixture) <- Seq("cifar" -> "cifar10-tiny", "idx" -> "idx-tiny"))
      assert(columns(format, TestSpark.fixture(fixture)) == StructType.fromDDL(s"image $image, $rest"))
    TestSpark.directory { directory =>
      TestImages.write(directory, "a/1.png", "b/1.png")
      assert(columns("firesteel-images", directory) == StructType.fromDDL(s"image BINARY, $rest"))
    }
  }

  test("CIFAR's and idx files' rows are those that the readers give, in several partitions of one file") {
    for ((format, name) <- Seq("cifar" -> "cifar10-tiny", "cifar" -> "cifar100-tiny", "idx" -> "idx-tiny")) {
      val images = ImageFiles.open(sc, TestSpark.fixture(name), None)
      val train = load(format, TestSpark.fixture(name))
      assert(rows(train) == rows(images.train))
      assert(rows(load(format, TestSpark.fixture(name), "split" -> "test")) == rows(images.test.get))
      if (name == "cifar100-tiny") assert(train.rdd.getNumPartitions == 2)
      assert(train.select("label_name").distinct().collect().toSeq == Seq(Row(null)))
    }
  }

  test("idx files that are not packed are divided into ranges") {
    TestSpark.directory { directory =>
      val pixels = Array.tabulate[Byte](7 * 6)(_.toByte)
      idx(directory, pixels, Array[Byte](0, 1, 2, 3, 4, 5, 6))
      val frame = load("idx", directory)
      assert(frame.rdd.getNumPartitions == 2)
      assert(rows(frame) == rows(ImageFiles.open(sc, directory.toString, None).train))
      assert(
        frame.where("row = 5").select("image.data").head().getAs[Array[Byte]](0).toSeq == pixels.slice(30, 36).toSeq
      )
    }
  }

  private def idx(directory: Path, pixels: Array[Byte], labels: Array[Byte]): Unit = {
    val head = ByteBuffer.allocate(16).putInt(0x803).putInt(labels.length).putInt(2).putInt(3).array
    Files.write(directory.resolve("train-images-idx3-ubyte"), head ++ pixels)
    Files.write(
      directory.resolve("train-labels-idx1-ubyte"),
      ByteBuffer.allocate(8).putInt(0x801).putInt(labels.length).array ++ labels
    )
  }

  test("class folders give each file's content with its class") {
    TestSpark.directory { directory =>
      TestImages.write(directory, "train/cat/2.png", "train/cat/1.png", "train/dog/1.PNG", "val/dog/1.png")
      val expected = Seq((0, "cat", "cat/1.png"), (0, "cat", "cat/2.png"), (1, "dog", "dog/1.PNG"))
      def all(frame: DataFrame) =
        frame.collect().toSeq.map(row => (row.getAs[Array[Byte]]("image").toSeq, Row.fromSeq(row.toSeq.drop(1))))
      def content(name: String) = Files.readAllBytes(directory.resolve(name)).toSeq
      assert(all(load("firesteel-images", directory)) == expected.zipWithIndex.map { case ((label, name, file), row) =>
        (content(s"train/$file"), Row(label, name, s"file:$directory/train/$file", row.toLong))
      })
      val validation = all(load("firesteel-images", directory, "split" -> "validation"))
      assert(validation == Seq((content("val/dog/1.png"), Row(1, "dog", s"file:$directory/val/dog/1.png", 0L))))
    }
  }

  test("without labels, images at any depth or one file are a table, and options of sets are refused") {
    TestSpark.directory { directory =>
      TestImages.write(directory, "loose.PNG", "a/1.png", "a/deep/2.png", "_hidden/3.png", "a/.4.png")
      Files.writeString(directory.resolve("a/notes.txt"), "no image")
      val files = load("firesteel-images", directory, "labels" -> "none")
      assert(files.columns.toSeq == Seq("image", "file", "row"))
      def names(frame: DataFrame) =
        frame.select("file").collect().map(_.getString(0).stripPrefix(s"file:$directory/")).toSeq
      assert(names(files) == Seq("loose.PNG", "a/1.png", "a/deep/2.png"))
      assert(names(load("firesteel-images", directory.resolve("a/1.png"), "labels" -> "none")) == Seq("a/1.png"))
      val split = refused("firesteel-images", directory, "labels" -> "none", "split" -> "test")
      assert(split.kind == Kind.CONFIG && split.getMessage.contains("split means nothing with labels none"))
      val other = refused("firesteel-images", directory, "labels" -> "all")
      assert(other.kind == Kind.CONFIG && other.getMessage.contains("labels is \"all\", not none"))
    }
  }

  test("a fraction is held out as the readers do") {
    TestSpark.directory { directory =>
      TestImages.write(directory, (for (name <- Seq("a", "b"); at <- 0 until 20) yield s"$name/$at.png"): _*)
      val held = ImageFiles.open(sc, directory.toString, None, Some(0.3), seed = 5).validation.get
      val options = Seq("validation" -> "0.3", "seed" -> "5")
      def files(split: String) =
        load("firesteel-images", directory, options :+ "split" -> split: _*)
          .select("file")
          .collect()
          .map(_.getString(0))
          .toSeq
      assert(files("validation") == (0L until held.rows).map(held.locate) && held.rows > 0)
      assert(files("train").length == 40 - held.rows && files("train").intersect(files("validation")).isEmpty)
    }
  }

  test("only files that the columns need are opened, and one listing serves all queries") {
    TestSpark.directory { directory =>
      TestImages.write(directory, "images/a/1.png", "images/a/2.png", "images/b/1.png")
      val images = load("firesteel-images", s"counted://$directory/images")
      Counted.reset()
      assert(images.select("label", "label_name", "file", "row").collect().length == 3 && images.count() == 3)
      assert(Counted.opened.isEmpty && Counted.listings.get == 0)
      assert(images.select("image").collect().length == 3 && Counted.opened == Seq("1.png", "1.png", "2.png"))

      idx(directory, new Array[Byte](24), Array[Byte](1, 0, 3, 2))
      val grey = load("idx", s"counted://$directory")
      Counted.reset()
      assert(grey.select("label").collect().map(_.getInt(0)).toSeq == Seq(1, 0, 3, 2))
      assert(Counted.opened.toSet == Set("train-labels-idx1-ubyte"))
      Counted.reset()
      assert(grey.select("image.height", "row").collect().forall(_.getInt(0) == 2))
      assert(Counted.opened.toSet == Set("train-images-idx3-ubyte"))

      Files.write(directory.resolve("data_batch_1.bin"), new Array[Byte](5 * 3073))
      val cifar = load("cifar", s"counted://$directory")
      Counted.reset()
      assert(cifar.count() == 5 && cifar.select("row", "file").collect().length == 5 && Counted.opened.isEmpty)
      assert(cifar.select("label").collect().length == 5 && Counted.opened.nonEmpty)
    }
  }

  test("a limit reads no row more than it gives") {
    TestSpark.directory { directory =>
      TestImages.write(directory, (0 until 20).map(at => s"${at % 2}/$at.png"): _*)
      val images = load("firesteel-images", s"counted://$directory")
      for (most <- Seq(0, 1, 7, 10, 13, 20, 100)) {
        Counted.reset()
        assert(images.limit(most).collect().map(_.getAs[Long]("row")).toSeq == (0 until math.min(most, 20)))
        assert(Counted.opened.length == math.min(most, 20))
      }
    }
    val cifar = load("cifar", TestSpark.fixture("cifar10-tiny"))
    assert(rows(cifar.limit(120)) == rows(cifar).take(120))
    val packed = load("idx", TestSpark.fixture("idx-tiny"))
    assert(rows(packed.limit(30)) == rows(packed).take(30))
  }

  test("the planner knows how many rows there are, and that they are small without their images") {
    val frame = load("cifar", TestSpark.fixture("cifar10-tiny"))
    def stats(frame: DataFrame) = frame.queryExecution.optimizedPlan.stats
    assert(stats(frame).rowCount.contains(BigInt(frame.count())))
    assert(stats(frame).sizeInBytes > frame.count() * 3072)
    assert(stats(frame.select("label")).sizeInBytes < frame.count() * 100)
    assert(stats(frame.limit(3)).rowCount.contains(BigInt(3)))
  }

  test("a plan that scans the same columns twice reads them once") {
    val frame = load("cifar", TestSpark.fixture("cifar10-tiny")).select("label")
    val scans = Seq.fill(2)(frame.queryExecution.analyzed).map(plan => spark.sessionState.executePlan(plan).sparkPlan)
    assert(scans.head.sameResult(scans.last))
  }

  test("wrong options are refused with what is right") {
    val cifar = TestSpark.fixture("cifar10-tiny")
    def said(format: String, options: (String, String)*) = {
      val e = refused(format, cifar, options: _*)
      assert(e.kind == Kind.CONFIG)
      e.getMessage
    }
    assert(said("cifar", "spilt" -> "test") == "cifar has no option spilt: it has path, split, dataset")
    assert(said("cifar", "split" -> "tset") == "split is \"tset\", not train, validation, test")
    assert(said("cifar", "dataset" -> "idx") == "dataset \"idx\" is unknown, known: cifar10, cifar100")
    assert(said("firesteel-images", "validation" -> "many") == "validation is \"many\", not a number")
    assert(said("firesteel-images", "validation" -> "2") == "validation is 2.0, not a fraction between 0 and 1")
    val none = intercept[FiresteelException](spark.read.format("idx").load())
    assert(none.getMessage == "idx needs a directory: load(\"DIR\")")
    val several = intercept[FiresteelException](spark.read.format("idx").load(cifar, cifar))
    assert(several.getMessage == "idx reads one directory, not several")
  }

  test("a directory that is not there, or has no such set, is refused when it is loaded") {
    assert(refused("cifar", "/nowhere/at/all").getMessage == "data directory /nowhere/at/all does not exist")
    val (cifar, idx) = (TestSpark.fixture("cifar10-tiny"), TestSpark.fixture("idx-tiny"))
    assert(refused("idx", cifar).getMessage.startsWith(s"$cifar: no training files; looked for idx: train-images"))
    val e = refused("idx", idx, "split" -> "validation")
    assert(e.kind == Kind.DATA && e.getMessage == s"$idx: idx has no validation files there")
    TestSpark.directory { directory =>
      Files.write(directory.resolve("data_batch_1.bin"), new Array[Byte](3073))
      Files.write(directory.resolve("train.bin"), new Array[Byte](3074))
      assert(
        refused(
          "cifar",
          directory
        ).getMessage == s"$directory holds cifar10 and cifar100: say which with the option dataset"
      )
      assert(load("cifar", directory, "dataset" -> "cifar100").count() == 1)
    }
  }

  test("a bad record, and a file that changes after it was listed, are named") {
    TestSpark.directory { directory =>
      val bytes = new Array[Byte](3 * 3073)
      bytes(2 * 3073) = 10
      val path = Files.write(directory.resolve("data_batch_1.bin"), bytes)
      val frame = load("cifar", directory)
      def said() = intercept[FiresteelException](FiresteelException.unwrapping(frame.collect())).getMessage
      assert(said() == s"file:$path: record 2 at byte 6146 has label 10, cifar10 has 10 classes")
      Files.write(path, new Array[Byte](6000)) // both tasks fail, whichever is first; one begins behind the end
      val ends = Seq(6146, 9219).map(end => s"file:$path ends before byte $end: it has changed")
      assert(ends.contains(said()))
      Files.write(path, new Array[Byte](7000)) // of the last record a part, so that one task of the two fails
      assert(said() == s"file:$path ends before byte 9219: it has changed")
      Files.delete(path)
      assert(said() == s"read file:$path: it is not there any more")
    }
  }
}
