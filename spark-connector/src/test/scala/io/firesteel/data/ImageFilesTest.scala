// What the readers give for good files and say about bad ones.
package io.firesteel.data

import io.firesteel.{FiresteelException, TestSpark}
import io.firesteel.jni.Kind
import java.io.{ByteArrayOutputStream, FileNotFoundException, IOException}
import java.nio.ByteBuffer
import java.nio.file.{Files, Path}
import java.util.zip.GZIPOutputStream
import org.apache.hadoop.security.{AccessControlException, UserGroupInformation}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class ImageFilesTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private def records(source: ImageSource): Seq[(Long, Seq[Byte])] =
    source.records.mapValues(_.toSeq).collect().toSeq

  private def failure(directory: Path, dataset: Option[String] = None): FiresteelException =
    intercept[FiresteelException](ImageFiles.open(sc, directory.toString, dataset))

  private def readFailure(directory: Path): FiresteelException =
    intercept[FiresteelException] {
      FiresteelException.unwrapping(ImageFiles.open(sc, directory.toString, None).train.records.foreach(_ => ()))
    }

  test("CIFAR-10 is the bytes of its batches by number, row after row") {
    TestSpark.directory { directory =>
      val batches = (10 to 1 by -1).map(number => number -> (5 - number).max(1)).map { case (number, rows) =>
        val bytes = Array.tabulate(rows * 3073)(i => if (i % 3073 == 0) (i / 3073 % 10).toByte else (i * number).toByte)
        Files.write(directory.resolve(s"data_batch_$number.bin"), bytes)
        number -> bytes
      }
      val files = ImageFiles.open(sc, directory.toString, None)
      assert(files.dataset == "cifar10" && files.test.isEmpty && files.train.classes == 10 && files.train.rows == 16)
      val expected = batches.sortBy(_._1).flatMap(_._2.grouped(3073).map(_.toSeq))
      assert(records(files.train) == expected.zipWithIndex.map { case (record, row) => row.toLong -> record })
      assert(files.train.locate(5).endsWith("data_batch_2.bin: record 1 at byte 3073"))
    }
  }

  test("a file in several splits keeps its row numbers") {
    TestSpark.directory { directory =>
      val bytes = Array.tabulate(50 * 3073)(i => (i / 3073 % 10).toByte)
      Files.write(directory.resolve("data_batch_1.bin"), bytes)
      sc.hadoopConfiguration.set("mapreduce.input.fileinputformat.split.maxsize", "20000")
      try {
        val source = ImageFiles.open(sc, directory.toString, None).train
        assert(source.records.getNumPartitions > 1)
        assert(records(source).map { case (row, record) =>
          (row, record.head.toLong)
        } == (0L until 50).map(i => (i, i % 10)))
      } finally sc.hadoopConfiguration.unset("mapreduce.input.fileinputformat.split.maxsize")
    }
  }

  test("CIFAR-100 counts fine labels") {
    val files = ImageFiles.open(sc, TestSpark.fixture("cifar100-tiny"), None)
    assert(files.dataset == "cifar100" && files.train.classes == 100)
    assert(files.train.rows == 100 && files.test.map(_.rows).contains(50L))
    assert(files.train.records.values.first().length == 3074)
  }

  test("classes have the names that lie with the files, if there is one for each") {
    TestSpark.directory { directory =>
      Files.write(directory.resolve("data_batch_1.bin"), new Array[Byte](3073))
      def names(lines: Int) = {
        Files.writeString(
          directory.resolve("batches.meta.txt"),
          (0 until lines).map(at => s"class $at\n").mkString + "\n"
        )
        ImageFiles.open(sc, directory.toString, None).train.names
      }
      assert(names(10) == (0 until 10).map(at => s"class $at"))
      assert(names(9).isEmpty)
    }
    assert(ImageFiles.open(sc, TestSpark.fixture("cifar100-tiny"), None).train.names.isEmpty)
  }

  test("gzipped idx files are labels and pixels, classes told from the labels") {
    val files = ImageFiles.open(sc, TestSpark.fixture("idx-tiny"), None)
    assert(files.dataset == "idx" && files.train.format == RecordFormat.Idx(28, 28) && files.train.rows == 200)
    val rows = records(files.train)
    assert(rows.map(_._1) == (0L until 200L) && rows.forall(_._2.length == 785))
    assert(rows.map(_._2.head.toInt).max + 1 == files.train.classes)
    assert(files.test.map(_.rows).contains(100L))
  }

  test("a directory is read by its name, not by what the name matches as a pattern") {
    val odd = Seq("a,b" -> "a", "br[1]" -> "br1", "br{a,b}" -> "bra", "c:d" -> "c", "b\\s" -> "bs", "run?" -> "run1")
    for ((name, near) <- odd ++ Seq("star*x" -> "star1x", "g[a]" -> "ga", s"p%20 #;é$${user.home}" -> "p "))
      TestSpark.directory { directory =>
        for ((sub, label) <- Seq(near -> 3, name -> 4); kind <- Seq("cifar", "idx")) {
          val home = Files.createDirectories(directory.resolve(kind).resolve(sub))
          if (kind == "cifar") Files.write(home.resolve("data_batch_1.bin"), label.toByte +: new Array[Byte](3072))
          else {
            Files.write(home.resolve("train-images-idx3-ubyte"), idx(Seq(1, 4, 2), new Array(8)))
            Files.write(home.resolve("train-labels-idx1-ubyte"), idx(Seq(1), Array(label.toByte)))
          }
        }
        for (kind <- Seq("cifar", "idx"); scheme <- Seq("", "file://")) {
          val source = ImageFiles.open(sc, s"$scheme$directory/$kind/$name", None).train
          assert(records(source).map { case (row, record) => row -> record.head.toInt } == Seq(0L -> 4))
        }
      }
  }

  test("a truncated batch names path, size and record size before any job") {
    TestSpark.directory { directory =>
      val path = Files.write(directory.resolve("data_batch_1.bin"), new Array[Byte](30729))
      val e = failure(directory)
      assert(e.kind == Kind.DATA)
      assert(e.getMessage == s"read CIFAR batch file:$path: 30729 bytes is not a multiple of 3073, a record's")
    }
  }

  test("a label out of range names file, record and byte") {
    TestSpark.directory { directory =>
      val bytes = new Array[Byte](3 * 3073)
      bytes(2 * 3073) = 10
      val path = Files.write(directory.resolve("data_batch_1.bin"), bytes)
      val e = readFailure(directory)
      assert(e.kind == Kind.DATA)
      assert(e.getMessage == s"file:$path: record 2 at byte 6146 has label 10, cifar10 has 10 classes")
    }
  }

  test("a missing directory, a file in its place and an empty one are told apart") {
    TestSpark.directory { directory =>
      assert(
        failure(directory.resolve("none")).getMessage == s"data directory ${directory.resolve("none")} does not exist"
      )
      val file = Files.write(directory.resolve("file"), Array[Byte](1))
      assert(
        failure(file).getMessage == s"data $file is a file, not a directory: give the directory that it lies in"
      )
      val e = failure(Files.createDirectory(directory.resolve("empty")))
      assert(e.getMessage.contains("no training files; looked for cifar10: data_batch_1.bin"))
      assert(e.getMessage.contains("train.bin") && e.getMessage.contains("train-images-idx3-ubyte"))
    }
  }

  /** Makes these files, empty, and says what is said of the directory of them all. */
  private def saidOf(files: String*): String = TestSpark.directory { directory =>
    files.foreach { name =>
      val file = directory.resolve(name)
      Files.createDirectories(file.getParent)
      Files.createFile(file)
    }
    val e = failure(directory)
    assert(e.kind == Kind.DATA)
    e.getMessage.replace(s"file:$directory", "DIR").replace(directory.toString, "DIR")
  }

  test("a directory that holds no data set is told with what helps") {
    val python = "these are CIFAR's files for Python, and the binary version is needed, cifar-10-binary.tar.gz or " +
      "cifar-100-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html"
    assert(saidOf("data_batch_1", "batches.meta") == s"DIR: no training files: $python")
    assert(saidOf("train", "test", "meta") == s"DIR: no training files: $python")
    assert(saidOf("cifar-10-batches-py/data_batch_1") == s"DIR: no training files: DIR/cifar-10-batches-py: $python")
    assert(saidOf("train.mat").contains("files for Matlab"))
    assert(
      saidOf("cifar-10-binary.tar.gz") == "DIR: no training files: cifar-10-binary.tar.gz lies there: " +
        "unpack it and give the directory of the files in it"
    )
    val parent = "DIR: no training files: DIR/cifar-10-batches-bin has those of cifar10: give that directory"
    assert(saidOf("cifar-10-binary.tar.gz", "cifar-10-batches-bin/data_batch_1.bin") == parent)
    assert(
      saidOf("MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-labels-idx1-ubyte").contains("DIR/MNIST/raw has")
    )
    assert(saidOf("a/b/c/train.bin", "notes.txt").startsWith("DIR: no training files; looked for cifar10: "))
    TestSpark.directory { directory =>
      val archive = Files.createFile(directory.resolve("cifar-10-binary.tar.gz"))
      assert(
        failure(archive).getMessage ==
          s"data $archive is a file, not a directory: unpack it and give the directory of the files in it"
      )
    }
  }

  test("a batch that is missing, and one that is there twice, are named") {
    val (one, two) = ("data_batch_1.bin", "data_batch_2.bin")
    assert(
      saidOf(one, two, "data_batch_4.bin", "data_batch_5.bin") ==
        "DIR: data_batch_3.bin is missing beside data_batch_4.bin: bring it, or number the batches from 1"
    )
    assert(
      saidOf(one, two, "data_batch_01.bin") ==
        "DIR: data_batch_01.bin and data_batch_1.bin are both batch 1: remove one of them"
    )
  }

  test("a file that is something else is called what it is, before its size or its header") {
    val lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 26421880\n".getBytes
    val page = "\ufeff\r\n <!DOCTYPE html><title>404".getBytes("UTF-8")
    val tar = "data_batch_1.bin".getBytes.padTo(257, 0.toByte) ++ "ustar".getBytes
    val cases = Seq(
      lfs -> "a pointer of Git LFS, not the file: run `git lfs pull`",
      page -> "a web page, not the file: download it again",
      "<?xml version='1.0'?><Error>".getBytes -> "a web page",
      tar -> "a tar archive: unpack it",
      "PK\u0003\u0004".getBytes -> "a zip archive: unpack it",
      "BZh91AY".getBytes -> "packed by bzip2",
      Array[Byte](0x80.toByte, 2, '}') -> "Python's pickle: the binary version is needed",
      gzip(images) -> "packed by gzip: unpack it"
    )
    for ((bytes, what) <- cases) {
      TestSpark.directory { directory =>
        val path = Files.write(directory.resolve("data_batch_1.bin"), bytes)
        val e = failure(directory)
        assert(e.kind == Kind.DATA && e.getMessage.startsWith(s"file:$path is $what"), e.getMessage)
      }
      assert(said(bytes, labels).startsWith(s"images-idx3-ubyte is $what"))
      if (!what.startsWith("packed by gzip"))
        assert(said(bytes, gzip(labels), ".gz").startsWith(s"images-idx3-ubyte.gz is $what"))
    }
    for (label <- 0 until 20) assert(ForeignContent.of(Array.fill(512)(label.toByte), packed = false).isEmpty)
  }

  test("a file that cannot be read is told with who and where, and what helps") {
    TestSpark.directory { directory =>
      val there = Files.createFile(directory.resolve("there"))
      def said(path: String, cause: IOException, place: String) = ReadFailure.of(path, cause, place)
      val elsewhere = said(
        "file:/nowhere/x",
        new FileNotFoundException("File file:/nowhere/x does not exist"),
        " in executor 1 on host h"
      )
      assert(elsewhere.kind == Kind.CONFIG)
      assert(
        elsewhere.getMessage == "read file:/nowhere/x in executor 1 on host h: the driver sees it and that machine does " +
          "not: --data must be where every machine reads it, hdfs:// or s3a:// or a directory that all of them mount"
      )
      val user = UserGroupInformation.getCurrentUser.getShortUserName
      for (
        (path, cause) <- Seq[(String, IOException)](
          s"file:$there" -> new FileNotFoundException(s"$there (Permission denied)"),
          "hdfs://n/x" -> new AccessControlException("Permission denied: user=x, access=READ")
        )
      ) {
        val e = said(path, cause, "")
        assert(
          e.kind == Kind.IO && e.getMessage == s"read $path: user $user may not: give it permission to read the file"
        )
      }
      val broken = said("hdfs://n/x", new IOException("could not obtain block"), "")
      assert(broken.kind == Kind.IO && broken.getMessage == "read hdfs://n/x" && broken.getCause != null)
    }
  }

  test("a file that goes away under the job that reads it is named, with what happened") {
    TestSpark.directory { directory =>
      val path = Files.write(directory.resolve("data_batch_1.bin"), new Array[Byte](3073))
      val source = ImageFiles.open(sc, directory.toString, None).train
      source.records.partitions // the job knows its splits
      Files.delete(path)
      val e = intercept[FiresteelException](FiresteelException.unwrapping(source.records.count()))
      assert(e.getMessage == s"read file:$path: it is not there any more")
    }
  }

  test("a directory with two data sets asks for --dataset") {
    TestSpark.directory { directory =>
      Files.write(directory.resolve("data_batch_1.bin"), new Array[Byte](3073))
      Files.write(directory.resolve("train.bin"), new Array[Byte](3074))
      val e = failure(directory)
      assert(
        e.kind == Kind.CONFIG && e.getMessage == s"$directory holds cifar10 and cifar100: say which with --dataset"
      )
      assert(ImageFiles.open(sc, directory.toString, Some("cifar100")).train.rows == 1)
      assert(failure(directory, Some("mnist")).kind == Kind.CONFIG)
    }
  }

  private def idx(sizes: Seq[Int], body: Array[Byte]): Array[Byte] = {
    val header = ByteBuffer.allocate(4 + 4 * sizes.length).putInt(0x800 + sizes.length)
    sizes.foreach(header.putInt)
    header.array ++ body
  }

  private def gzip(bytes: Array[Byte]): Array[Byte] = {
    val out = new ByteArrayOutputStream
    val packed = new GZIPOutputStream(out)
    packed.write(bytes)
    packed.close()
    out.toByteArray
  }

  private val images = idx(Seq(3, 4, 2), Array.tabulate(24)(_.toByte))
  private val labels = idx(Seq(3), Array[Byte](2, 0, 4))

  /** What is said of these two files, the directory cut off. */
  private def said(images: Array[Byte], labels: Array[Byte], end: String = ""): String = TestSpark.directory {
    directory =>
      Files.write(directory.resolve(s"train-images-idx3-ubyte$end"), images)
      Files.write(directory.resolve(s"train-labels-idx1-ubyte$end"), labels)
      readFailure(directory).getMessage.replace(s"file:$directory/train-", "")
  }

  test("malformed idx files name file and byte") {
    assert(said(labels ++ labels, labels) == "images-idx3-ubyte: magic number 0x00000801 at byte 0 is not 0x00000803")
    assert(said(idx(Seq(3, 0, 2), Array()), labels) == "images-idx3-ubyte: size 0 of dimension 1 at byte 8")
    assert(
      said(images, idx(Seq(2), Array(0, 1))) == "labels-idx1-ubyte: 2 labels for the 3 images of images-idx3-ubyte"
    )
    assert(said(images :+ 0.toByte, labels) == "images-idx3-ubyte: goes on after its last value, at byte 40")
  }

  test("a truncated idx file is refused, packed or not") {
    val claims = "images-idx3-ubyte: the header claims 3 x 4 x 2 bytes after byte 16, the file is too short for them"
    assert(said(images.init, labels) == claims)
    assert(said(gzip(images.init), gzip(labels), ".gz").startsWith("images-idx3-ubyte.gz: ends at byte 39"))
    assert(said(gzip(images).dropRight(12), gzip(labels), ".gz").startsWith("images-idx3-ubyte.gz: broken gzip after"))
    assert(said(images, gzip(labels), ".gz").startsWith("images-idx3-ubyte.gz: broken gzip after byte 0"))
  }

  test("bytes behind the last member of a gzip file are refused, however few, and another member is read") {
    val broken = "images-idx3-ubyte.gz: broken gzip after byte "
    for (behind <- Seq(Array[Byte](1), new Array[Byte](8), Array.fill[Byte](100)(7))) {
      assert(said(gzip(images) ++ behind, gzip(labels), ".gz").startsWith(broken))
      assert(said(gzip(images), gzip(labels) ++ behind, ".gz").startsWith("labels-idx1-ubyte.gz: broken gzip"))
    }
    val more = said(gzip(images) ++ gzip(Array[Byte](1)), gzip(labels), ".gz")
    assert(more == "images-idx3-ubyte.gz: goes on after its last value, at byte 40")
    TestSpark.directory { directory =>
      Files.write(directory.resolve("train-images-idx3-ubyte.gz"), gzip(images.take(20)) ++ gzip(images.drop(20)))
      Files.write(directory.resolve("train-labels-idx1-ubyte.gz"), gzip(labels))
      assert(records(ImageFiles.open(sc, directory.toString, None).train).size == 3)
    }
  }

  test("a long read says that it goes on, every ten seconds") {
    val pace = new LogInterval(start = -5)
    assert((0L until 35L).filter(second => pace.isDue(second * 1000000000L)) == Seq(10L, 20L, 30L))
  }

  test("a file without its other half is refused") {
    TestSpark.directory { directory =>
      Files.write(directory.resolve("train-images-idx3-ubyte"), images)
      assert(failure(directory).getMessage.endsWith("train-images-idx3-ubyte has no train-labels-idx1-ubyte beside it"))
    }
  }
}
