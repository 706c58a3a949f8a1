// A run inside one stage that is resumed from a checkpoint spends the rest of its budget, and no more.
package io.firesteel.train.run

import io.firesteel.{Ended, ExchangeDone, FiresteelException, Started, TestSpark, TrainListener}
import io.firesteel.jni.Kind
import io.firesteel.train.{Events, MemoryStore, Runs}
import org.apache.spark.SparkContext
import org.scalatest.funsuite.AnyFunSuite

class StageCheckpointTest extends AnyFunSuite {
  private val config = Runs.stage.copy(iterations = Some(400), evalEvery = 1)

  private final class InterruptedRun extends RuntimeException

  /** A run that is cut short after its first checkpoint, when every worker has exchanged. */
  private def interrupted(sc: SparkContext, store: MemoryStore): Unit = {
    val events = new Events {
      override def exchange(e: ExchangeDone): Unit = {
        super.exchange(e)
        if (store.bytes.nonEmpty) throw new InterruptedRun
      }
    }
    intercept[InterruptedRun](Runs.train(sc, config, events, Some(store)))
  }

  test("a resumed run continues from the exchanger's snapshot, also if Spark numbers tasks from 0 again") {
    val store = new MemoryStore
    TestSpark.using("local[2]") { sc =>
      sc.parallelize(1 to 1000, 1000).count() // so that the attempts of this run have high numbers
      interrupted(sc, store)
    }
    val events = new Events
    TestSpark.using("local[2]")(
      Runs.train(_, config.copy(resume = true, bind = Some("127.0.0.1:0")), events, Some(store))
    )
    val (start, exchanges) = (events.of[Started].head, events.of[ExchangeDone])
    assert(start.completedSteps > 0 && start.completedRounds > 0 && start.completedSteps < 800)
    assert(exchanges.map(_.totalSteps) == exchanges.scanLeft(start.completedSteps)(_ + _.steps).tail)
    assert(exchanges.last.totalSteps == 800 && exchanges.last.totalSamples == 800 * 20)
    assert(exchanges.head.seconds > 0 && events.of[Ended].head.accuracy.exists(_ > 0.2))
  }

  test("resuming a finished run returns its model at once, and another configuration is refused") {
    val store = new MemoryStore
    val again = new Events
    TestSpark.using("local[2]") { sc =>
      val first = Runs.train(sc, Runs.stage, TrainListener.silent, Some(store))
      val resumed = Runs.train(sc, Runs.stage.copy(resume = true), again, Some(store))
      assert(Runs.bits(resumed.weights) == Runs.bits(first.weights))
      assert(again.of[ExchangeDone].isEmpty && again.of[Started].head.completedSteps == 60)
      val other = Runs.stage.copy(resume = true, alpha = Some(0.2))
      val e = intercept[FiresteelException](Runs.train(sc, other, TrainListener.silent, Some(store)))
      assert(e.kind == Kind.CONFIG && e.getMessage == "checkpoint is of another configuration: alpha was 0.1, is 0.2")
    }
  }
}
