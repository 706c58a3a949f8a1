// What a checkpoint promises: going on from it ends with the bits of a run that was never interrupted.
package io.firesteel.train

import io.firesteel.TestSpark
import io.firesteel.jni.{Engine, Kind}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class CheckpointTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private val config = Runs.small.copy(iterations = Some(23), evalEvery = 2) // 5 rounds, the last of 3 steps

  private def interrupted(store: MemoryStore, config: TrainConfig): Events = {
    val events = new Events {
      override def round(e: RoundDone): Unit = {
        super.round(e)
        if (e.round == 3) throw new InterruptedRun
      }
    }
    intercept[InterruptedRun](Runs.train(sc, config, events, Some(store)))
    events
  }

  private final class InterruptedRun extends RuntimeException

  test("a resumed run ends with the bits of an uninterrupted one, whatever becomes of the solver's state") {
    val plain = Seq("local", "average", "reset").map(state => config.copy(solverState = state))
    val lookahead = plain.take(2).map(_.copy(solver = "adamw", lookaheadEvery = Some(4)))
    for (asked <- plain ++ lookahead) {
      val whole = Runs.train(sc, asked)
      val store = new MemoryStore
      val before = interrupted(store, asked)
      val after = new Events
      val resumed = Runs.train(sc, asked.copy(resume = true, evalEvery = 1), after, Some(store))
      assert(Runs.bits(resumed.weights) == Runs.bits(whole.weights), asked.toJson)
      assert(after.of[Started].head.completedRounds == 2)
      assert(after.of[RoundDone].map(e => (e.round, e.localSteps, e.samples)).head == ((3, 15L, 900L)))
      assert(after.of[RoundDone].head.seconds > before.of[RoundDone].apply(1).seconds)
      assert(after.of[Fault].isEmpty)
    }
  }

  test("a run that was complete returns its model at once") {
    val store = new MemoryStore
    val (first, again) = (new Events, new Events)
    val whole = Runs.train(sc, config, first, Some(store))
    val resumed = Runs.train(sc, config.copy(resume = true), again, Some(store))
    assert(Runs.bits(resumed.weights) == Runs.bits(whole.weights))
    assert(again.of[RoundDone].isEmpty && again.of[Ended].head.accuracy == first.of[Ended].head.accuracy)
  }

  test("another configuration is refused with the keys that differ") {
    val store = new MemoryStore
    Runs.train(sc, config, TrainListener.silent, Some(store))
    val other = config.copy(resume = true, tau = 6, seed = 4, out = Some("elsewhere"))
    val e = intercept[FiresteelException](Runs.train(sc, other, TrainListener.silent, Some(store)))
    assert(e.kind == Kind.CONFIG)
    assert(e.getMessage == "checkpoint of another configuration: seed was 3, is 4; tau was 5, is 6")
  }

  test("resuming without a checkpoint, or from a file that is none, is refused") {
    val store = new MemoryStore
    def failure =
      intercept[FiresteelException](Runs.train(sc, config.copy(resume = true), TrainListener.silent, Some(store)))
    assert(failure.kind == Kind.CONFIG)
    store.bytes = Some(Array.fill[Byte](100)(7))
    assert(failure.kind != Kind.INTERNAL)
    val layout = """{"tensors":[{"name":"center","shape":[1]}],"metadata":{}}"""
    store.bytes = Some(Engine.encodeTensors(layout, Array(0f)))
    assert(failure.getMessage == "checkpoint: config is missing in the metadata")
  }
}
