// Training on images that are files.
package io.firesteel.train

import io.firesteel.{FiresteelException, ImagesDropped, StoredFile, TestSpark, TrainConfig}
import io.firesteel.data.{ImageFiles, ImageRecords, ImageSource, RecordFormat, TestImages}
import io.firesteel.jni.{Kind, Predictor}
import java.nio.{ByteBuffer, ByteOrder}
import java.nio.file.{Files, Path}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite
import scala.util.Using

class ImageTrainingTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  /** The rows of a CIFAR-10 set as PNG files. */
  private def encoded(source: ImageSource): ImageSource = {
    val records = source.records.mapValues(ImageTrainingTest.png)
    source.copy(records = records, format = RecordFormat.Encoded())
  }

  private def train(source: ImageSource, test: Option[ImageSource], config: TrainConfig, events: Events = new Events) =
    Training.train(sc, source, test, config, events, None)

  test("PNG files of CIFAR's images give the bits of CIFAR's files, in rounds and in one stage") {
    val files = Runs.cifar10(sc)
    for (consistency <- Seq("rounds", "bsp")) {
      val config = Runs.small.copy(workers = Some(2), consistency = Some(consistency), augment = "flip,crop:4")
      val expected = train(files.train, files.test, config)
      val model = train(encoded(files.train), files.test.map(encoded), config)
      assert(Runs.bits(model.weights) == Runs.bits(expected.weights), consistency)
      assert(Runs.bits(model.normalizer) == Runs.bits(expected.normalizer), consistency)
    }
  }

  test("a predictor has the accuracy of an evaluation, and says what is no image") {
    val files = Runs.cifar10(sc)
    val model = train(files.train, files.test, Runs.small.copy(workers = Some(1)))
    val rows = encoded(files.test.get).records.collect().toSeq.sortBy(_._1)
    val labels = rows.map(_._2(0).toInt)
    val broken = (rows.length.toLong, ImageRecords.record(0, "no image".getBytes))
    val chunk = RecordFormat.Encoded().chunk(rows :+ broken)
    val buffer = ByteBuffer.allocateDirect(chunk.length).order(ByteOrder.LITTLE_ENDIAN).put(chunk).flip()
    val predicted = Using.resource(Predictor.open(model.config.toJson, model.weights, model.normalizer)) {
      _.predict("""{"format":"encoded"}""", buffer, rows.length + 1)
    }
    val each = predicted.logits.grouped(10).toSeq
    assert(predicted.refusals.toSeq == Seq.fill(rows.length)(null) :+ "text, not an image: JPEG and PNG are read")
    assert(each.last.forall(_.isNaN) && each.init.forall(_.forall(_.isFinite)))
    val right = each.init.zip(labels).count { case (values, label) => values.indexOf(values.max) == label }
    val expected = Evaluation.evaluate(sc, files.test.get, model.config, model.toSafetensors, model.preprocessing)
    assert(right.toDouble / labels.length == expected.accuracy)
  }

  private def folders(bad: Seq[String]): Path = {
    val directory = Files.createTempDirectory("firesteel-train-")
    for (
      part <- Seq("train" -> 20, "test" -> 5); (name, colour) <- Seq("red" -> 0xd02020, "blue" -> 0x2020d0);
      i <- 1 to part._2
    )
      TestImages.write(
        directory,
        s"${part._1}/$name/$i.png",
        TestImages.drawn(50, 70)((y, x) => colour + (x * y + i) % 31)
      )
    bad.foreach(name => TestImages.write(directory, name, "not an image".getBytes))
    directory
  }

  private val config =
    Runs.small.copy(net = "resnet20", size = Some(48), workers = Some(2), batch = Some(8), lr = Some(0.05))

  test("class folders are trained on at the size that was asked for, asynchronously too, and evaluated again") {
    val files = ImageFiles.open(sc, folders(Nil).toString, None)
    for (strategy <- Seq("sparknet", "deepspark")) {
      val model = train(files.train, files.evaluated, config.copy(strategy = strategy))
      assert(model.config.size.contains(48) && model.normalizer.length == 3 * 48 * 48 + 3)
      val again = Evaluation.evaluate(sc, files.test.get, model.config, model.toSafetensors, model.preprocessing)
      assert(again.rows == 10 && java.lang.Double.isFinite(again.loss), strategy)
    }
  }

  test("a file that is no image ends the run with its path, or is left out and told") {
    val directory = folders(Seq("train/red/0.png", "train/blue/x.jpg", "test/red/y.png"))
    val files = ImageFiles.open(sc, directory.toString, None)
    val error = intercept[FiresteelException](train(files.train, files.evaluated, config))
    assert(error.kind == Kind.DATA && error.getMessage.contains("train/blue/x.jpg: "), error.getMessage)
    assert(error.getMessage.contains("2 of the 42 images of the train set"), error.getMessage)
    val events = new Events
    val model = train(files.train, files.evaluated, config.copy(badImages = "drop"), events)
    assert(events.of[ImagesDropped].map(e => e.split -> e.count) == Seq("train" -> 2L, "test" -> 1L))
    assert(events.of[ImagesDropped].last.described.head.contains("test/red/y.png: "))
    var told = Seq.empty[String]
    val (weights, preprocessing) =
      (StoredFile.of("model", model.toSafetensors), StoredFile.of("preprocessing", model.preprocessing))
    val result = Evaluation.evaluate(sc, files.test.get, model.config, weights, preprocessing, line => told :+= line)
    assert(told.length == 1 && told.head.contains("test/red/y.png: "), told)
    assert(result.rows == 10 && result.classes.map(one => one.name -> one.rows) == Seq("blue" -> 5L, "red" -> 5L))
  }
}

object ImageTrainingTest {

  /** A record of CIFAR-10 as one with a PNG file. */
  private[firesteel] def png(record: Array[Byte]): Array[Byte] = {
    def value(channel: Int, y: Int, x: Int) = record(1 + channel * 1024 + y * 32 + x) & 0xff
    val image = TestImages.drawn(32, 32)((y, x) => value(0, y, x) << 16 | value(1, y, x) << 8 | value(2, y, x))
    ImageRecords.record(record(0) & 0xff, image)
  }
}
