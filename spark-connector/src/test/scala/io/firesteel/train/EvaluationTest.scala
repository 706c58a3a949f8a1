// What an evaluation counts by class.
package io.firesteel.train

import io.firesteel.TestSpark
import io.firesteel.data.{FixedRecords, ImageFiles, ImageSource}
import io.firesteel.jni.Predictor
import io.firesteel.train.workers.ClassScore
import java.nio.{ByteBuffer, ByteOrder}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite
import scala.util.Using

class EvaluationTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private def evaluate(source: ImageSource, model: TrainedModel, workers: Int): EvaluationResult = {
    val config = model.config.copy(workers = Some(workers))
    Evaluation.evaluate(sc, source, config, model.toSafetensors, model.preprocessing)
  }

  /** Label and logits of each row, as a predictor answers. */
  private def predicted(source: ImageSource, model: TrainedModel): Seq[(Int, Seq[Float])] = {
    val rows = source.records.collect().toSeq.sortBy(_._1)
    val chunk = source.format.chunk(rows)
    val buffer = ByteBuffer.allocateDirect(chunk.length).order(ByteOrder.LITTLE_ENDIAN).put(chunk).flip()
    val logits = Using.resource(Predictor.open(model.config.toJson, model.weights, model.normalizer)) {
      _.predict(s"""{"format":"${source.format.name}"}""", buffer, rows.length).logits
    }
    val labels = source.format match {
      case fixed: FixedRecords => rows.map { case (_, record) => fixed.label(record) }
      case other               => fail(s"records of ${other.name} have no label byte")
    }
    labels.zip(logits.toSeq.grouped(model.config.classes.get).toSeq)
  }

  test("the matrix has the predicted class of every row, however many workers count, and adds up to the accuracy") {
    val files = Runs.cifar10(sc)
    val model = Training.train(sc, files.train, files.test, Runs.small, new Events, None)
    val one = evaluate(files.test.get, model, workers = 1)
    val pairs = predicted(files.test.get, model).map { case (label, logits) => (label, logits.indexOf(logits.max)) }
    val matrix = IndexedSeq.tabulate(10, 10)((label, as) => pairs.count(_ == (label, as)).toLong)
    assert(one.confusion.contains(matrix) && one.rows == 100 && one.top5.isEmpty)
    assert(one.accuracy == matrix.indices.map(k => matrix(k)(k)).sum / 100.0 && one.accuracy > 0 && one.accuracy < 1)
    assert(one.classes.map(_.name) == (0 until 10).map(_.toString))
    for ((of, k) <- one.classes.zipWithIndex)
      assert((of.rows, of.predicted, of.correct) == (matrix(k).sum, matrix.map(_(k)).sum, matrix(k)(k)))
    val three = evaluate(files.test.get, model, workers = 3)
    assert(three.copy(loss = one.loss) == one && math.abs(three.loss - one.loss) < 1e-5 * one.loss)
  }

  test("with a hundred classes the rows are told whose label is among the five largest logits") {
    val files = ImageFiles.open(sc, TestSpark.fixture("cifar100-tiny"), None)
    val config = Runs.small.copy(workers = Some(1), iterations = Some(40), lr = Some(0.01))
    val model = Training.train(sc, files.train, None, config, new Events, None)
    val rows = predicted(files.train, model)
    val five = rows.count { case (label, logits) => logits.zipWithIndex.sortBy(-_._1).take(5).exists(_._2 == label) }
    for (workers <- Seq(1, 3)) {
      val result = evaluate(files.train, model, workers)
      assert(result.top5.contains(five / 100.0) && result.accuracy < five / 100.0 && five < 100, s"$workers workers")
      assert(result.confusion.get.map(_.sum).sum == 100 && result.classes.length == 100)
    }
  }

  test("classes that a data set lacks, or does not name, are counted too") {
    val files = ImageFiles.open(sc, TestSpark.fixture("idx-tiny"), None)
    val config = Runs.small.copy(workers = Some(1), classes = Some(12), iterations = Some(1))
    val model = Training.train(sc, files.train, None, config, new Events, None)
    val result = evaluate(files.test.get.copy(names = IndexedSeq("zero", "one")), model, workers = 2)
    assert(result.classes.map(_.name) == Seq("zero", "one") ++ (2 until 12).map(_.toString))
    val lacking = result.classes.filter(_.rows == 0)
    assert(lacking.map(_.name) == Seq("10", "11") && lacking.forall(_.recall.isEmpty) && result.top5.nonEmpty)
  }

  test("precision, recall and F1 are fractions, and undefined where nothing is divided") {
    assert(ClassResult("a", rows = 4, predicted = 8, correct = 2).precision.contains(0.25))
    assert(ClassResult("a", rows = 4, predicted = 8, correct = 2).recall.contains(0.5))
    assert(ClassResult("a", rows = 4, predicted = 8, correct = 2).f1.contains(1 / 3.0))
    val (never, absent, neither) = (ClassResult("a", 4, 0, 0), ClassResult("a", 0, 8, 0), ClassResult("a", 0, 0, 0))
    assert((never.precision, never.recall, never.f1) == (None, Some(0.0), Some(0.0)))
    assert((absent.precision, absent.recall, absent.f1) == (Some(0.0), None, Some(0.0)))
    assert((neither.precision, neither.recall, neither.f1) == (None, None, None))
  }

  test("more classes than a matrix has are counted without it") {
    def bits(loss: Double) = java.lang.Double.doubleToRawLongBits(loss)
    val most = ClassScore.MostInMatrix
    val workers = Seq(
      Array[Long](3, 2, bits(0.1), 3, 0, 0, 2, 0, most - 1L, 1),
      Array[Long](0, 0, bits(0), 0),
      Array[Long](1, 1, bits(0.2), 1, most - 1L, most - 1L, 1)
    )
    val (whole, more) = (ClassScore.total(most, workers), ClassScore.total(most + 1, workers))
    assert(whole.score.accuracy == 0.75 && whole.score.loss == (0.1 + 0 + 0.2) / 4 && whole.amongFive == 4)
    assert(whole.confusion.get.map(_(most - 1)).zipWithIndex.filter(_._1 > 0) == Seq(1L -> 0, 1L -> (most - 1)))
    assert(more.confusion.isEmpty && more.rows == whole.rows :+ 0L && more.rows.take(2) == Seq(3L, 0L))
    assert(more.predicted(0) == 2 && more.predicted(most - 1) == 2 && more.correct(most - 1) == 1)
  }
}
