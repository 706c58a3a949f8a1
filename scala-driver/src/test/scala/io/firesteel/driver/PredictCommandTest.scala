// The command `predict` on models of runs and of Spark ML, for images of every kind that it takes.
package io.firesteel.driver

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.firesteel.driver.Fixtures.{local, names, scratch, submit, tiny}
import org.apache.spark.sql.SparkSession
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import java.awt.image.BufferedImage
import java.nio.file.{Files, Path}
import javax.imageio.ImageIO
import scala.jdk.CollectionConverters._
import scala.util.Using

class PredictCommandTest extends AnyFunSuite with BeforeAndAfterAll {
  private val rowBytes = 3073 // a label and 3 x 32 x 32 pixels

  override def beforeAll(): Unit = local.foreach { case (key, value) => sys.props(key) = value }
  override def afterAll(): Unit = local.foreach { case (key, _) => sys.props.remove(key) }

  private def done(args: String*): (Seq[String], String) = {
    val (status, out, err) = submit(args: _*)
    assert(status == 0, err)
    (out.linesIterator.toSeq, err)
  }

  private def rows(lines: Seq[String]): Seq[JsonNode] = lines.map(new ObjectMapper().readTree)

  private def refused(status: Int, args: String*): String = {
    val (ended, out, err) = submit(args: _*)
    assert(ended == status && out.isEmpty, err)
    err
  }

  /** PNG files of one color each in class folders, which a net learns at once. */
  private def folders(directory: Path, classes: String*): Path = {
    for ((name, at) <- classes.zipWithIndex; n <- 0 until 20) {
      val image = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB)
      for (y <- 0 until 32; x <- 0 until 32) image.setRGB(x, y, (200 << 8 * at) + n)
      Files.createDirectories(directory.resolve(name))
      ImageIO.write(image, "png", directory.resolve(f"$name/$n%02d.png").toFile)
    }
    directory
  }

  private def trainedOn(data: Path, out: Path): String = {
    done(
      Seq("train", "--data", data.toString, "--out", out.toString, "--size", "32", "--workers", "1", "--batch", "10") ++
        Seq("--iterations", "30", "--lr", "0.01", "--normalize", "channel"): _*
    )
    out.toString
  }

  test("a row is printed for each image of a data set, in order, and they are as accurate as evaluate says") {
    scratch { dir =>
      val out = dir.resolve("run").toString
      done("train", "--data", s"$tiny", "--out", out, "--workers", "2", "--batch", "20", "--iterations", "40")
      val (lines, err) = done("predict", "--model", out, "--data", s"$tiny", "--probabilities")
      val predicted = rows(lines)
      val labels = Files.readAllBytes(tiny.resolve("test_batch.bin")).grouped(rowBytes).map(_.head.toInt).toSeq
      assert(predicted.map(_.get("row").asInt) == labels.indices && err.contains("predicted: 100 images in "))
      assert(predicted.forall(_.get("file").asText.endsWith("test_batch.bin")))
      val correct = predicted.zip(labels).count { case (row, label) => row.get("prediction").asInt == label }
      val (evaluated, _) = done("evaluate", "--model", out, "--data", s"$tiny", "--json")
      assert(rows(evaluated).head.get("accuracy").asDouble == correct / 100.0)
      for (row <- predicted) {
        val all = row.get("probabilities").elements.asScala.map(_.asDouble).toSeq
        assert(all.length == 10 && math.abs(all.sum - 1) < 1e-6 && all.max == row.get("probability").asDouble)
        assert(all.indexOf(all.max) == row.get("prediction").asInt && !row.has("label"))
      }
      val (training, _) = done("predict", "--model", s"$out/model.safetensors", "--data", s"$tiny", "--split", "train")
      assert(training.length == 400 && !rows(training).head.has("probabilities"))
    }
  }

  test("a run over class folders gives predictions their names, at any depth, and one image file is enough") {
    scratch { dir =>
      val model = trainedOn(folders(dir.resolve("images"), "ash", "birch", "cedar"), dir.resolve("run"))
      val images = dir.resolve("images")
      Files.copy(images.resolve("birch/03.png"), images.resolve("loose.PNG"))
      val predicted = rows(done("predict", "--model", model, "--data", images.toString)._1)
      val named = predicted.map(row => row.get("file").asText -> row.get("label").asText).toMap
      assert(named.size == 61 && !predicted.head.has("row"))
      for ((file, label) <- named)
        assert(label == (if (file.endsWith("loose.PNG")) "birch" else Path.of(file).getParent.getFileName.toString))
      val (one, _) = done("predict", "--model", model, "--data", images.resolve("cedar/00.png").toString)
      assert(rows(one).map(_.get("label").asText) == Seq("cedar"))
    }
  }

  test("evaluate maps folders to a model's classes by name, and refuses one that it does not know") {
    scratch { dir =>
      val model = trainedOn(folders(dir.resolve("images"), "ash", "birch", "cedar"), dir.resolve("run"))
      val some = folders(dir.resolve("some"), "none", "birch", "cedar")
      val unknown = refused(2, "evaluate", "--model", model, "--data", some.toString, "--split", "train")
      assert(unknown.contains("/some/none: the model has no class none: it knows ash, birch, cedar"), unknown)
      Files.list(some.resolve("none")).iterator.asScala.foreach(Files.delete)
      Files.delete(some.resolve("none"))
      val (lines, _) = done("evaluate", "--model", model, "--data", some.toString, "--split", "train", "--json")
      assert(rows(lines).head.get("accuracy").asDouble == 1)
    }
  }

  test("files that are no images end the command by name, or are left out, counted and said") {
    scratch { dir =>
      val images = folders(dir.resolve("images"), "ash", "birch")
      val model = trainedOn(images, dir.resolve("run"))
      Files.writeString(images.resolve("ash/05.png"), "hello")
      val (status, out, err) = submit("predict", "--model", model, "--data", images.toString)
      assert(
        status == 1 && out.isEmpty && err.contains("ash/05.png: text, not an image") && err.contains(
          "--bad-images drop"
        )
      )
      assert(err.linesIterator.size <= 3, err)
      Files.writeString(images.resolve("birch/19.png"), "")
      val (lines, said) = done("predict", "--model", model, "--data", images.toString, "--bad-images", "drop")
      assert(lines.length == 38 && lines.forall(line => !line.contains("05.png") || line.contains("birch")))
      assert(said.contains("left out: 2 that are no images, first "), said)
      assert(said.contains("ash/05.png: text, not an image") && said.contains("predicted: 38 images"), said)
    }
  }

  test(
    "Spark writes Parquet or JSON into a new directory, which is refused when it is there, and gone after a failure"
  ) {
    scratch { dir =>
      val images = folders(dir.resolve("images"), "ash", "birch")
      val model = trainedOn(images, dir.resolve("run"))
      def predict(out: String, more: String*) =
        Seq("predict", "--model", model, "--data", images.toString, "--out", dir.resolve(out).toString) ++ more
      val (printed, said) = done(predict("parquet", "--format", "parquet"): _*)
      assert(printed.isEmpty && said.contains(s", in $dir/parquet"), said)
      Using.resource(SparkSession.builder().master("local[1]").getOrCreate()) { spark =>
        val table = spark.read.parquet(dir.resolve("parquet").toString)
        assert(table.count() == 40 && table.columns.toSeq == Seq("file", "prediction", "label", "probability"))
      }
      done(predict("json"): _*)
      val again = refused(2, predict("json"): _*)
      assert(again.contains(s"output directory $dir/json exists already: choose another --out"), again)
      Files.writeString(images.resolve("ash/05.png"), "hello")
      refused(1, predict("failed"): _*)
      assert(names(dir) == Set("images", "run", "parquet", "json"))
    }
  }

  test("a saved model of Spark ML predicts, too") {
    val saved = tiny.getParent.resolve("models/format-1").toString
    val (lines, _) = done("predict", "--model", saved, "--data", s"$tiny", "--out", "-")
    assert(lines.length == 100 && rows(lines).forall(_.get("probability").asDouble > 0))
  }

  test("a wrong request is refused before Spark starts") {
    for (
      (args, said) <- Seq(
        Seq("--model", "m") -> "predict needs --data",
        Seq("--data", "d") -> "predict needs --model",
        Seq("--data", "d", "--model", "m", "--format", "csv") -> "--format is 'csv', not json or parquet",
        Seq("--data", "d", "--model", "m", "--format", "parquet") -> "--format parquet needs --out",
        Seq("--data", "d", "--model", "m", "--bad-images", "null") -> "--bad-images is 'null', not fail or drop",
        Seq("--data", "d", "--model", "m", "--split", "dev") -> "--split is 'dev', not test or train",
        Seq("--data", "d", "--model", "/nowhere") -> "no model there: /nowhere has neither config.json",
        Seq("--data", "d", "--modle", "m") -> "unknown option '--modle': did you mean --model?"
      )
    ) assert(refused(2, "predict" +: args: _*).contains(said), args)
  }
}
