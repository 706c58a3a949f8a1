// Class folders of images: which files are rows, their labels, and what is said of folders that make no data set.
package io.firesteel.data

import io.firesteel.{FiresteelException, TestSpark}
import io.firesteel.jni.Kind
import java.io.{IOException, RandomAccessFile}
import java.nio.file.{Files, Path}
import java.nio.{ByteBuffer, ByteOrder}
import org.apache.hadoop.fs.{Path => HadoopPath}
import org.apache.hadoop.security.{AccessControlException, UserGroupInformation}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class ClassFoldersTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext =
    TestSpark.context("local[2]", "spark.hadoop.fs.counted.impl" -> classOf[Counted].getName)

  override def afterAll(): Unit = sc.stop()

  /** The rows in order: below `directory`, the file of each, its label and its content. */
  private def rows(directory: Path, source: ImageSource): Seq[(String, Int, Seq[Byte])] = {
    val records = source.records.collect().toSeq
    assert(records.map(_._1) == (0L until source.rows))
    records.map { case (row, record) =>
      val bytes = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN)
      (source.locate(row).stripPrefix(s"file:$directory/"), bytes.getInt, record.drop(4).toSeq)
    }
  }

  private def names(directory: Path, source: ImageSource): Seq[String] = rows(directory, source).map(_._1)

  private def failure(directory: Path, dataset: Option[String] = None, validation: Option[Double] = None) =
    intercept[FiresteelException](ImageFiles.open(sc, directory.toString, dataset, validation))

  /** Makes these files, and says what is said of the directory of them all. */
  private def said(files: String*): String = TestSpark.directory { directory =>
    TestImages.write(directory, files: _*)
    val e = failure(directory)
    assert(e.kind == Kind.DATA)
    e.getMessage.replace(s"file:$directory", "DIR").replace(directory.toString, "DIR")
  }

  test("a data set of another kind beside a folder of images is advised") {
    val expected = "DIR: no training files: DIR/cifar has those of cifar10: give that directory"
    assert(said("images/1.png", "cifar/data_batch_1.bin", "cifar/test_batch.bin") == expected)
  }

  test("each image is a row with its class's label, in torchvision's order") {
    TestSpark.directory { directory =>
      val files = Seq("B/1.png", "a/10.JPG", "a/9.jpe", "a/b.Jpeg", "a/a/z.PNG", "a/a-/1.png", "\u00e9 c:d%20/[x].jpg")
      TestImages.write(directory, files: _*)
      TestImages.write(directory, "a/.hidden.jpg", "a/_x.jpg", ".git/1.jpg", "a/_tmp/1.jpg", "a/notes.txt", "readme.md")
      val images = ImageFiles.open(sc, directory.toString, None)
      assert(images.dataset == "images" && images.test.isEmpty && images.validation.isEmpty)
      val source = images.train
      assert(source.format == RecordFormat.Encoded() && source.classes == 3 && source.rows == 7)
      assert(source.names == Seq("B", "a", "\u00e9 c:d%20"))
      val labels = Seq(0, 1, 1, 1, 1, 1, 2)
      val order = Seq(0, 1, 2, 3, 4, 5, 6) // of `files`: ImageFolder(directory).samples has the same
      assert(rows(directory, source) == order.zip(labels).map { case (at, label) =>
        (files(at), label, Files.readAllBytes(directory.resolve(files(at))).toSeq)
      })
    }
  }

  test("names are ordered by code points, as Python orders them") {
    val ordered = Seq("", "A", "AB", "a", "\u00e9", "\uff21", "\ud83d\ude00", "\ud83d\ude01")
    assert(scala.util.Random.shuffle(ordered).sorted(CodePoints) == ordered)
    assert(ordered.sorted != ordered) // Java puts the last two before U+FF21
  }

  test("folders beside train are the other sets, with the labels of the training set") {
    for (validation <- Seq("validation", "val", "valid")) TestSpark.directory { directory =>
      TestImages.write(directory, "train/a/1.png", "train/b/1.png", "train/c/1.png")
      TestImages.write(directory, s"$validation/b/2.png", "test/c/3.png", "test/a/3.png", "annotations/x.xml")
      val images = ImageFiles.open(sc, directory.toString, None)
      assert(rows(directory, images.train).map(_._2) == Seq(0, 1, 2))
      assert(rows(directory, images.validation.get).map(row => row._1 -> row._2) == Seq(s"$validation/b/2.png" -> 1))
      assert(
        rows(directory, images.test.get).map(row => row._1 -> row._2) == Seq("test/a/3.png" -> 0, "test/c/3.png" -> 2)
      )
      assert(images.validation.get.classes == 3 && images.test.get.names == Seq("a", "b", "c"))
    }
  }

  test("with the classes of a model, folders have its labels, whichever of them there are") {
    val known = IndexedSeq("a", "b", "c")
    TestSpark.directory { directory =>
      TestImages.write(directory, "one/c/1.png", "two/train/b/1.png", "two/train/c/1.png", "two/test/a/1.png")
      def open(below: String) = ImageFiles.open(sc, s"$directory/$below", None, known = known)
      val (one, two) = (open("one").train, open("two"))
      assert(rows(directory, one).map(_._2) == Seq(2) && one.names == known && one.classes == 3)
      assert(rows(directory, two.train).map(_._2) == Seq(1, 2) && rows(directory, two.test.get).map(_._2) == Seq(0))
    }
  }

  test("a class that a model does not know is refused by its folder") {
    TestSpark.directory { directory =>
      TestImages.write(directory, "one/a/1.png", "one/zebra/1.png", "two/train/a/1.png", "two/test/zebra/1.png")
      for ((below, folder) <- Seq("one" -> "one", "two" -> "two/test")) {
        val e = intercept[FiresteelException] {
          ImageFiles.open(sc, s"$directory/$below", None, known = (0 to 10).map(at => ('a' + at).toChar.toString))
        }
        assert(e.kind == Kind.CONFIG)
        assert(
          e.getMessage ==
            s"file:$directory/$folder/zebra: the model has no class zebra: it knows a, b, c, d, e, f, g, h, i, j and 1 more"
        )
      }
    }
  }

  test("files whose classes have other names than a model's are refused, and those without names get them") {
    val names = TestSpark.fixture("idx-tiny") -> (0 until 10).map(at => s"digit $at")
    val idx = ImageFiles.open(sc, names._1, None, known = names._2)
    assert(idx.train.names == names._2 && ImageFiles.open(sc, names._1, None).train.names.isEmpty)
    TestSpark.directory { directory =>
      for (file <- Seq("data_batch_1.bin", "test_batch.bin"))
        Files.copy(Path.of(TestSpark.fixture("cifar10-tiny"), file), directory.resolve(file))
      Files.writeString(directory.resolve("batches.meta.txt"), (0 until 10).map(at => s"class $at\n").mkString)
      val own = (0 until 10).map(at => s"class $at")
      assert(ImageFiles.open(sc, directory.toString, None, known = own).train.names == own)
      val e = intercept[FiresteelException] {
        ImageFiles.open(sc, directory.toString, None, known = own.updated(3, "cat"))
      }
      assert(e.kind == Kind.CONFIG)
      assert(
        e.getMessage == s"file:$directory: class 3 is class 3, and the model calls it cat: it was trained on other classes"
      )
    }
  }

  test("an image beside the class folders of train is left out") {
    TestSpark.directory { directory =>
      TestImages.write(directory, "train/a/1.png", "train/b/1.png", "train/all.png", "test/a/1.png")
      assert(
        names(directory, ImageFiles.open(sc, directory.toString, None).train) == Seq("train/a/1.png", "train/b/1.png")
      )
    }
  }

  test("a class may be called train") {
    TestSpark.directory { directory =>
      TestImages.write(directory, "bus/1.png", "train/1.png", "plane/1.png")
      assert(ImageFiles.open(sc, directory.toString, None).train.names == Seq("bus", "plane", "train"))
    }
  }

  test("what is held out of the training set depends on names and the seed alone") {
    TestSpark.directory { directory =>
      val files = for (name <- Seq("a", "b"); at <- 0 until 100) yield s"$name/$at.png"
      TestImages.write(directory, files.map("one/" + _): _*)
      def open(below: String, seed: Long) = ImageFiles.open(sc, s"$directory/$below", None, Some(0.2), seed)
      val one = open("one", seed = 1)
      def held(below: String, images: ImageFiles) = names(directory.resolve(below), images.validation.get)
      val validation = held("one", one)
      assert((names(directory.resolve("one"), one.train) ++ validation).sorted == files.sorted)
      assert(validation.length > 20 && validation.length < 60)
      assert(rows(directory, one.validation.get).map(_._2).toSet == Set(0, 1))

      TestImages.write(directory, (files.reverse ++ Seq("a/new.png", "c/1.png")).map("two/train/" + _): _*)
      val two = held("two/train", open("two", seed = 1))
      assert(two.filterNot(Set("a/new.png", "c/1.png")) == validation)
      assert(held("one", open("one", seed = 2)) != validation)
    }
  }

  test("the hash of a name is the same on every machine and in every version") {
    // Python: (int.from_bytes(hashlib.sha256(seed.to_bytes(8, "big", signed=True) + name.encode()).digest()[:8], "big") >> 11) / 2**53
    for (
      (seed, name, value) <- Seq(
        (0L, "cat/1.jpg", 0.38492178194063864),
        (0L, "cat/2.jpg", 0.4115263650807115),
        (-1L, "\u00e9t\u00e9/x y.png", 0.9465576608469537),
        (7L, "dog/a/b.jpeg", 0.3734199807817943)
      )
    )
      assert(HoldOut(value + 1e-9, seed).takes(name) && !HoldOut(value - 1e-9, seed).takes(name))
  }

  test("a fraction that cannot be is refused") {
    TestSpark.directory { directory =>
      TestImages.write(directory, "a/1.png", "b/1.png")
      val few = failure(directory, validation = Some(1e-9))
      assert(few.kind == Kind.CONFIG && few.getMessage.endsWith("a validation fraction of 1.0E-9 takes 0 of 2 files"))
      for (wrong <- Seq(0.0, 1.0, -1.0, Double.NaN))
        assert(
          failure(
            directory,
            validation = Some(wrong)
          ).getMessage == s"validation is $wrong, not a fraction between 0 and 1"
        )
    }
    TestSpark.directory { directory =>
      TestImages.write(directory, "train/a/1.png", "train/b/1.png", "val/a/1.png")
      val both = failure(directory, validation = Some(0.5))
      assert(both.kind == Kind.CONFIG && both.getMessage.startsWith(s"file:$directory/val holds validation files, so"))
    }
    val cifar = intercept[FiresteelException](ImageFiles.open(sc, TestSpark.fixture("cifar10-tiny"), None, Some(0.5)))
    assert(cifar.kind == Kind.CONFIG && cifar.getMessage.startsWith("cifar10 has no validation rows"))
  }

  test("folders that make no data set are named, with what is wrong") {
    assert(
      said("1.png", "2.png") ==
        "DIR: no training files: 1.png lies in it, and images are read from class folders: CLASS/x.jpg or " +
        "train/CLASS/x.jpg for each class"
    )
    assert(
      said("train/1.png", "test/1.png") ==
        "DIR/train holds no class folders: images are looked for as CLASS/x.jpg or train/CLASS/x.jpg for each class"
    )
    assert(said("val/a/1.png", "test/b/1.png") == "DIR has test and val and no train")
    assert(said("a/1.png") == "DIR/a is the only class folder, and training needs two")
    assert(
      said(
        "photos/a/1.png",
        "photos/b/1.png"
      ) == "DIR/photos is the only class folder, and training needs two: if the " +
        "folders in it are the classes, give DIR/photos"
    )
    assert(
      said("a/1.png", "b/1.gif", "b/2.gif").replaceAll("b/[12].gif", "b/N.gif") ==
        "DIR: class folder b holds no JPEG or PNG file, but 2 other files such as b/N.gif: remove it"
    )
    assert(said("a/1.png", "b/_SUCCESS") == "DIR: class folder b holds no JPEG or PNG file: remove it")
    val train = Seq("train/a/1.png", "train/b/1.png")
    assert(said(train :+ "test/zebra/1.png": _*) == "DIR/test has class zebra, which the training files lack")
    assert(said(train ++ Seq("val/a/1.png", "valid/a/1.png"): _*) == "DIR has val and valid: leave one of them there")
    assert(said("a/b/c.txt").startsWith("DIR: no training files; looked for cifar10: "))
  }

  test("the dataset images looks for class folders only, and official names go before them") {
    TestSpark.directory { directory =>
      TestImages.write(directory, "a/1.png", "b/1.png")
      Files.write(directory.resolve("data_batch_1.bin"), new Array[Byte](3073))
      assert(ImageFiles.open(sc, directory.toString, None).dataset == "cifar10")
      assert(ImageFiles.open(sc, directory.toString, Some("images")).train.rows == 2)
    }
    val none = intercept[FiresteelException](ImageFiles.open(sc, TestSpark.fixture("cifar10-tiny"), Some("images")))
    assert(none.getMessage.contains("no training files; looked for images: CLASS/x.jpg or train/CLASS/x.jpg"))
  }

  test("a large tree without images is not listed to its end") {
    TestSpark.directory { directory =>
      for (at <- 0 until 1000) Files.createDirectories(directory.resolve(s"$at/below"))
      Counted.reset()
      intercept[FiresteelException](ImageFiles.open(sc, s"counted://$directory", Some("images")))
      assert(Counted.listings.get < 600) // 100 to find an image, 400 for the advice
    }
  }

  test("an empty file is an empty image") {
    TestSpark.directory { directory =>
      TestImages.write(directory, "a/1.png")
      TestImages.write(directory, "b/1.jpg", Array.emptyByteArray)
      assert(rows(directory, ImageFiles.open(sc, directory.toString, None).train).last == (("b/1.jpg", 1, Nil)))
    }
  }

  test("a file that is too large for an image is named before any is read") {
    TestSpark.directory { directory =>
      TestImages.write(directory, "a/1.png", "b/1.png")
      val file = new RandomAccessFile(directory.resolve("b/big.jpg").toFile, "rw")
      try file.setLength((256L << 20) + 1)
      finally file.close()
      val e = failure(directory)
      assert(e.kind == Kind.DATA)
      assert(e.getMessage == s"file:$directory/b/big.jpg: 268435457 bytes are more than an image may have, 268435456")
    }
  }

  test("a file that changes or goes away after the listing is named") {
    TestSpark.directory { directory =>
      TestImages.write(directory, "a/1.png", "b/1.png")
      def read(source: ImageSource) =
        intercept[FiresteelException](FiresteelException.unwrapping(source.records.count())).getMessage
      val source = ImageFiles.open(sc, directory.toString, None).train
      val file = directory.resolve("b/1.png")
      val length = Files.size(file)
      for (changed <- Seq(length.toInt - 1, length.toInt + 1)) {
        Files.write(file, new Array[Byte](changed))
        assert(read(source) == s"file:$file has changed: it had $length bytes when the folder was listed")
      }
      Files.delete(file)
      assert(read(source) == s"read file:$file: it is not there any more")
    }
  }

  test("a folder that cannot be listed is named with who may not and what helps") {
    val user = UserGroupInformation.getCurrentUser.getShortUserName
    def of(cause: IOException) = ReadFailure.ofListing("hdfs://n/x", cause)
    val refused = of(new AccessControlException("Permission denied: user=x, access=READ_EXECUTE"))
    assert(refused.kind == Kind.IO)
    assert(refused.getMessage == s"list hdfs://n/x: user $user may not: give it permission to read the folder")
    val broken = of(new IOException("connection reset"))
    assert(broken.kind == Kind.IO && broken.getMessage == "list hdfs://n/x" && broken.getCause != null)
  }

  test("small files share a task, and a large file shares its task with little else") {
    def groups(parallelism: Int, lengths: Int*) = {
      val files = lengths.zipWithIndex.map { case (bytes, at) => EncodedFile(s"c/$at", at, bytes) }
      val divided = EncodedFiles(new HadoopPath("s3a://bucket/"), files.toIndexedSeq).groups(parallelism)
      assert(divided.flatMap(_.files) == files && divided.map(_.first) == divided.map(_.files.head.label.toLong))
      divided
    }
    assert(groups(1, Seq.fill(1000)(0): _*).length == 1)
    assert(groups(4, Seq.fill(1000)(100): _*).map(_.files.length) == Seq(250, 250, 250, 250))
    assert(groups(100, 5, 5, 5).map(_.files.length) == Seq(1, 1, 1))
    val large = groups(1, Seq(1, 200 << 20, 1, 1) ++ Seq.fill(100)(1 << 20): _*)
    assert(large.length > 6 && large.forall(_.files.tail.map(_.bytes.toLong).sum <= (16 << 20)))
    assert(large.head.path(large.head.files.head) == "s3a://bucket/c/0")
  }
}
