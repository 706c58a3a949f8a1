// A run or a model whose weights are NaN or infinite is reported as diverged, also at its end, and never with an
// accuracy.
package io.firesteel.train

import io.firesteel.{Ended, Evaluated, FiresteelException, RoundDone, TestSpark, TrainConfig, TrainListener}
import io.firesteel.jni.Kind
import io.firesteel.train.workers.WorkerScore
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class DivergenceTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  /** One step of which the loss is that before it. */
  private val last =
    Runs.small.copy(workers = Some(1), tau = 1, iterations = Some(1), lr = Some(1e30), consistency = Some("rounds"))

  test("a run whose last step diverges fails, and its evaluation has a loss of NaN") {
    for (config <- Seq(last, last.copy(strategy = "sparknet", consistency = Some("bsp")))) {
      val (events, store) = (new Events, new MemoryStore)
      val e = intercept[FiresteelException](Runs.train(sc, config, events, Some(store)))
      assert(e.kind != Kind.CONFIG, e)
      if (!config.consistency.contains("bsp")) { // inside a stage the exchange may fail first
        assert(e.getMessage == "training diverged by round 1: the test loss is NaN: try a smaller --lr (now 1.0E30)")
        assert(events.of[RoundDone].last.loss < 3 && events.of[Evaluated].last.loss.isNaN)
      }
      assert(store.bytes.isEmpty && events.of[Ended].isEmpty)
    }
  }

  private def withoutTest(config: TrainConfig): FiresteelException =
    intercept[FiresteelException](
      Training.train(sc, Runs.cifar10(sc).train, None, config, TrainListener.silent, None)
    )

  test("without a test set the loss of training shows it, and of a last step the weights") {
    val steps =
      withoutTest(last.copy(tau = 3, iterations = Some(3))) // huge weights after the first, NaN after the others
    assert(
      steps.kind == Kind.INTERNAL && steps.getMessage.startsWith("training diverged in round 1: the loss is NaN"),
      steps
    )
    val one = withoutTest(last.copy(lr = Some(1e300))) // the loss of a step is that before it
    assert(one.kind == Kind.INTERNAL && one.getMessage.startsWith("training diverged by round 1: weight "), one)
  }

  test("an evaluation of weights that are NaN has a loss of NaN") {
    val model = Runs.train(sc, Runs.small)
    val broken = model.copy(weights = model.weights.map(_ => Float.NaN))
    val test = Runs.cifar10(sc).test.get
    val result = Evaluation.evaluate(sc, test, model.config, broken.toSafetensors, model.preprocessing)
    assert(result.rows == 100 && result.loss.isNaN)
  }

  test("a number that is null is NaN, and a missing one is an error that names it") {
    assert(WorkerScore.read("""{"rows":3,"correct":1,"loss":null}""").loss.isNaN)
    for (
      (json, key) <- Seq("""{"rows":3,"correct":1}""" -> "loss", """{"rows":null,"correct":1,"loss":1}""" -> "rows")
    ) {
      val e = intercept[FiresteelException](WorkerScore.read(json))
      assert(e.kind == Kind.INTERNAL && e.getMessage.contains(s"without a valid $key"), e)
    }
  }
}
