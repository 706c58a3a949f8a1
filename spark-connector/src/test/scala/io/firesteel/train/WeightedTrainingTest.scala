// Training on rows that have weights.
package io.firesteel.train

import io.firesteel.data.{ImageRecords, ImageSource, RecordFormat}
import io.firesteel.jni.Kind
import io.firesteel.train.run.Plan
import io.firesteel.{FiresteelException, TestSpark, TrainConfig}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class WeightedTrainingTest extends AnyFunSuite with BeforeAndAfterAll {
  import WeightedTrainingTest.{record, Row}

  private lazy val sc: SparkContext = TestSpark.context("local[2]")
  private lazy val files = Runs.cifar10(sc)
  private lazy val images: IndexedSeq[Array[Byte]] =
    files.train.records.collect().toIndexedSeq.sortBy(_._1).map(_._2).take(60)

  override def afterAll(): Unit = sc.stop()

  /** Those images as raw pixels. */
  private def source(rows: IndexedSeq[Row], weighted: Boolean): ImageSource = {
    val records = rows.zipWithIndex.map { case (row, at) => at.toLong -> record(row, weighted) }
    ImageSource(sc.parallelize(records, 2), rows.length.toLong, 10, RecordFormat.Pixels(weighted), row => s"row $row")
  }

  private def train(rows: IndexedSeq[Row], weighted: Boolean, config: TrainConfig): TrainedModel =
    Training.train(sc, source(rows, weighted), files.test, config, new Events, None)

  private def own: IndexedSeq[Row] = images.map(image => Row(image, image(0), 1))

  /** The same images with wrong labels. */
  private def wrong(weight: Float): IndexedSeq[Row] = images.map(image => Row(image, (image(0) + 1) % 10, weight))

  private def distance(a: Array[Float], b: Array[Float]): Double =
    math.sqrt(a.zip(b).map { case (x, y) => math.pow(x.toDouble - y, 2) }.sum)

  test("weights of one give the bits of no weights, in rounds, in one stage and asynchronously") {
    val synchronous = Runs.small.copy(workers = Some(2), augment = "flip,crop:4", labelSmoothing = Some(0.1))
    val alone = Runs.stage.copy(workers = Some(1))
    val ways = Seq("rounds", "bsp").map(name => synchronous.copy(consistency = Some(name))) :+ alone
    for (config <- ways) {
      val expected = train(own, weighted = false, config)
      val model = train(own, weighted = true, config)
      assert(Runs.bits(model.weights) == Runs.bits(expected.weights), config.consistency)
    }
  }

  test("rows of weight 0 with wrong labels leave the model as it is without them, up to rounding") {
    // each step is on all rows, so that its gradient does not depend on how rows are drawn
    val config = Runs.small.copy(workers = Some(1), batch = Some(200), lr = Some(0.0005), iterations = Some(10))
    val initial = train(own, weighted = false, config.copy(lr = Some(1e-30))).weights
    val expected = train(own, weighted = false, config)
    val masked = train(own ++ wrong(0), weighted = true, config)
    val misled = train(own ++ wrong(1), weighted = true, config)
    assert(Runs.bits(masked.normalizer) == Runs.bits(expected.normalizer), "all have the same images")
    val moved = distance(expected.weights, initial)
    val (apart, other) = (distance(expected.weights, masked.weights), distance(expected.weights, misled.weights))
    assert(moved > 0 && apart < 1e-3 * moved && other > 0.1 * moved, s"moved $moved, apart $apart, misled $other")
    val accuracies = Seq(expected, masked).map { model =>
      Evaluation.evaluate(sc, source(own, weighted = true), model.config, model.toSafetensors, model.preprocessing)
    }
    assert(accuracies.map(_.rows) == Seq(60, 60))
    assert(math.abs(accuracies(0).accuracy - accuracies(1).accuracy) < 0.02, "a row at the most is between two classes")
  }

  test("a weight that is none ends the run and names its row") {
    val rows = own.updated(17, own(17).copy(weight = Float.NaN))
    val error = intercept[FiresteelException](train(rows, weighted = true, Runs.small.copy(workers = Some(1))))
    assert(error.kind == Kind.DATA && error.getMessage.contains("row 17 of the data set"), error.getMessage)
  }

  test("the estimate of memory counts four bytes for a weight") {
    val plan = Plan.resolve(Runs.small.copy(workers = Some(1)), source(own, weighted = true), 1)
    def resident(weighted: Boolean) = plan.memory(1000, RecordFormat.Encoded(weighted)).resident
    assert(resident(weighted = true) - resident(weighted = false) == 4000)
  }
}

object WeightedTrainingTest {

  /** An image as CIFAR-10 has it, and the label and the weight that it gets. */
  private final case class Row(image: Array[Byte], label: Int, weight: Float)

  private def record(row: Row, weighted: Boolean): Array[Byte] = {
    val head = Array[Byte](32, 0, 0, 0, 32, 0, 0, 0, 3, 0, 0, 0)
    val lines = for (at <- 0 until 1024; channel <- 0 until 3) yield row.image(1 + channel * 1024 + at)
    if (weighted) ImageRecords.record(row.label, row.weight, head ++ lines)
    else ImageRecords.record(row.label, head ++ lines)
  }
}
