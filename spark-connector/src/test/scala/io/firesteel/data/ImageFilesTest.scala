// What the readers give for good files and say about bad ones.
package io.firesteel.data

import io.firesteel.{FiresteelException, TestSpark}
import io.firesteel.jni.Kind
import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.nio.file.{Files, Path}
import java.util.zip.GZIPOutputStream
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
      val batches = Seq(2 -> 3, 10 -> 2, 1 -> 4).map { case (number, rows) =>
        val bytes = Array.tabulate(rows * 3073)(i => if (i % 3073 == 0) (i / 3073 % 10).toByte else (i * number).toByte)
        Files.write(directory.resolve(s"data_batch_$number.bin"), bytes)
        number -> bytes
      }
      val files = ImageFiles.open(sc, directory.toString, None)
      assert(files.dataset == "cifar10" && files.test.isEmpty && files.train.classes == 10 && files.train.rows == 9)
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

  test("gzipped idx files are labels and pixels, classes told from the labels") {
    val files = ImageFiles.open(sc, TestSpark.fixture("idx-tiny"), None)
    assert(files.dataset == "idx" && files.train.format == RecordFormat.Idx(28, 28) && files.train.rows == 200)
    val rows = records(files.train)
    assert(rows.map(_._1) == (0L until 200L) && rows.forall(_._2.length == 785))
    assert(rows.map(_._2.head.toInt).max + 1 == files.train.classes)
    assert(files.test.map(_.rows).contains(100L))
  }

  test("a truncated batch names path, size and record size before any job") {
    TestSpark.directory { directory =>
      val path = Files.write(directory.resolve("data_batch_3.bin"), new Array[Byte](30729))
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
      assert(failure(file).getMessage == s"data $file is a file, not a directory")
      val e = failure(Files.createDirectory(directory.resolve("empty")))
      assert(e.getMessage.contains("no training files; looked for cifar10: data_batch_1.bin"))
      assert(e.getMessage.contains("train.bin") && e.getMessage.contains("train-images-idx3-ubyte"))
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
    val wide = idx(Seq(3, 1, 33), new Array(99))
    assert(said(wide, labels) == "images-idx3-ubyte: images of 1 x 33 pixels do not fit into 32 x 32")
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
