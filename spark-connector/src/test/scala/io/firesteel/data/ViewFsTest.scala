// Data sets below a mount table of Hadoop, `viewfs:`, whose paths are other ones than those of the file systems that are
// mounted there. Tasks open files by the names that the driver listed, so these must be the mount table's.
package io.firesteel.data

import io.firesteel.TestSpark
import java.nio.file.Path
import org.apache.spark.SparkContext
import org.apache.spark.sql.SparkSession
import org.scalatest.funsuite.AnyFunSuite

class ViewFsTest extends AnyFunSuite {

  /** Runs `body` with a mount table of these links, of the name `table`: Hadoop keeps the first of a name in the process. */
  private def usingMounts[A](table: String, links: (String, String)*)(body: SparkContext => A): A = {
    val settings = links.map { case (link, target) => s"spark.hadoop.fs.viewfs.mounttable.$table.link.$link" -> target }
    TestSpark.using("local[2]", settings: _*)(body)
  }

  private def rows(source: ImageSource): Seq[(Long, Seq[Byte])] =
    source.records.mapValues(_.toSeq).collect().toSeq.sortBy(_._1)

  test("every kind of data set is read through a mount, with the rows that it has without, and names files there") {
    usingMounts("all", "/data" -> TestSpark.root.resolve("testdata").toUri.toString) { sc =>
      for (
        (name, file) <- Seq("cifar10-tiny" -> "data_batch_1.bin", "cifar100-tiny" -> "train.bin", "idx-tiny" -> "")
      ) {
        val mounted = ImageFiles.open(sc, s"viewfs://all/data/$name", None)
        val plain = ImageFiles.open(sc, TestSpark.fixture(name), None)
        assert(rows(mounted.train) == rows(plain.train) && mounted.test.map(rows) == plain.test.map(rows))
        assert(mounted.train.locate(0).startsWith(s"viewfs://all/data/$name/$file"))
      }
    }
  }

  private def folders(body: Path => Unit): Unit = TestSpark.directory { directory =>
    TestImages.write(directory, "train/a/1.png", "train/a/x/2.png", "train/b/3.png", "test/a/4.png", "test/b/5.png")
    body(directory)
  }

  test("class folders are read through one mount, and where each set and each class is a mount of its own") {
    folders { directory =>
      val classes = for (split <- Seq("train", "test"); name <- Seq("a", "b")) yield s"$split/$name"
      def links(names: Seq[String]) = names.map(name => s"/$name" -> directory.resolve(name).toUri.toString)
      val tables = Seq(
        ("whole", "/images", Seq("/images" -> directory.toUri.toString)),
        ("sets", "", links(Seq("train", "test", "gone"))),
        ("classes", "", links(classes))
      )
      for ((table, below, mounts) <- tables) usingMounts(table, mounts: _*) { sc =>
        val mounted = ImageFiles.open(sc, s"viewfs://$table$below/", None)
        val plain = ImageFiles.open(sc, directory.toString, None)
        assert(rows(mounted.train) == rows(plain.train) && mounted.test.map(rows) == plain.test.map(rows))
        assert(mounted.train.names == Seq("a", "b") && mounted.train.rows == 3)
        assert(mounted.train.locate(1) == s"viewfs://$table$below/train/a/x/2.png")
      }
    }
  }

  test("a table of Spark SQL is read through a mount") {
    folders { directory =>
      usingMounts("table", "/images" -> directory.toUri.toString) { sc =>
        val spark = SparkSession.builder().getOrCreate()
        assert(spark.sparkContext eq sc)
        val table = spark.read.format("firesteel-images").load("viewfs://table/images")
        val files =
          table.select("file", "image").collect().map(row => row.getString(0) -> row.getAs[Array[Byte]](1).length)
        assert(
          files.map(_._1).toSeq == Seq("a/1", "a/x/2", "b/3").map(name => s"viewfs://table/images/train/$name.png")
        )
        assert(files.forall(_._2 > 0))
      }
    }
  }
}
