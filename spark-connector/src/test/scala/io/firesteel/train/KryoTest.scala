// An application that chose Kryo, and takes no class that it did not register: it has no reason to know of ours.
package io.firesteel.train

import io.firesteel.{ExchangeDone, RoundDone, TestSpark}
import org.apache.spark.SparkContext
import org.scalatest.funsuite.AnyFunSuite

class KryoTest extends AnyFunSuite {
  private val kryo = Seq(
    "spark.serializer" -> "org.apache.spark.serializer.KryoSerializer",
    "spark.kryo.registrationRequired" -> "true"
  )

  // the workers' own states come back with each checkpoint, and are sent out when the run is resumed
  private val rounds = Runs.small.copy(workers = Some(2), iterations = Some(10))

  private def resumed(sc: SparkContext): TrainedModel = {
    val store = new MemoryStore
    val cut = new Events {
      override def round(e: RoundDone): Unit = if (e.round == 2) throw new IllegalStateException("cut")
    }
    intercept[IllegalStateException](Runs.train(sc, rounds, cut, Some(store)))
    Runs.train(sc, rounds.copy(resume = true), store = Some(store))
  }

  private def evaluated(sc: SparkContext, model: TrainedModel): EvaluationResult =
    Evaluation.evaluate(sc, Runs.cifar10(sc).test.get, model.config, model.toSafetensors, model.preprocessing)

  private def all(sc: SparkContext): (Seq[Int], EvaluationResult) = {
    val model = resumed(sc)
    (Runs.bits(model.weights), evaluated(sc, model))
  }

  test("rounds, their checkpoints and an evaluation are the same under Kryo that takes registered classes only") {
    val java = TestSpark.using("local[2]")(all)
    val kryos = TestSpark.using("local[2]", kryo: _*)(all)
    assert(kryos == java)
  }

  test("a stage does the whole of its budget under such a Kryo, with the center on executors too") {
    TestSpark.using("local[2]", kryo: _*) { sc =>
      for (exchangers <- Seq(0, 2)) {
        val events = new Events
        Runs.train(sc, Runs.stage.copy(exchangers = exchangers), events)
        assert(events.of[ExchangeDone].last.totalSteps == 60, s"exchangers $exchangers")
      }
    }
  }
}
