// Runs that are stopped by their listener, interrupted, or whose Spark jobs are cancelled: how they end, and that nothing
// is left of them.
package io.firesteel.train

import io.firesteel._
import io.firesteel.jni.Kind
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll

class CancellationTest extends CancelledRuns with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  test("a listener ends a run with the weights of its last round, or in one stage of its last evaluation") {
    for (config <- endless(tau = 5)) {
      val events = new Events {
        override def stops: Boolean = of[Evaluated].length >= 2
      }
      val store = new MemoryStore
      val weights = Runs.bits(Runs.train(sc, config.copy(lrPolicy = Some("fixed")), events, Some(store)).weights)
      val ended = events.of[Ended].head
      assert(ended.reason == EndReason.Stopped && ended.rounds >= 2 && events.all.last == ended)
      nothingIsLeft(sc)
      if (config.strategy == "sparknet")
        assert(Runs.bits(Runs.train(sc, config.copy(iterations = Some(5L * ended.rounds))).weights) == weights)
      else assert(ended.accuracy.contains(events.of[Evaluated].last.accuracy))
    }
  }

  test("a run that its listener stops has the best weights if these are asked for") {
    for (config <- endless(tau = 2)) {
      val events = new Events {
        override def stops: Boolean = of[Evaluated].length >= 5
      }
      val model = Runs.train(sc, config.copy(restoreBestWeights = true), events)
      val (ended, seen) = (events.of[Ended].head, events.of[Evaluated].map(_.accuracy))
      assert(ended.reason == EndReason.Stopped && ended.accuracy == ended.bestAccuracy)
      assert(ended.bestAccuracy.contains(seen.max))
      val test = Runs.cifar10(sc).test.get
      val again = Evaluation.evaluate(sc, test, model.config, model.toSafetensors, model.preprocessing)
      assert(ended.accuracy.contains(again.accuracy))
    }
  }

  test("a run that its listener stops before its first round has ended is cancelled, in a turn of any length") {
    for (config <- endless(tau = 1000000)) {
      @volatile var training = false
      val watch = new RunWatch(sc, _ => training = true)
      val events = new Events {
        override def stops: Boolean = training
      }
      try {
        val e = intercept[FiresteelException](Runs.train(sc, config, events))
        assert(e.kind == Kind.CANCELLED && e.getMessage.contains("stopped before its first round"))
        assert(watch.stages == 1 && events.of[Ended].isEmpty && events.of[Fault].isEmpty)
      } finally watch.close()
      nothingIsLeft(sc)
    }
    val events = new Events {
      override def stops: Boolean = true
    }
    assert(intercept[FiresteelException](Runs.train(sc, two, events)).kind == Kind.CANCELLED)
    assert(events.all.isEmpty)
  }

  test("what the listener throws when it is asked ends the run") {
    val thrown = new IllegalStateException("a test")
    for (config <- endless(tau = 5)) {
      val events = new Events {
        override def stops: Boolean = if (of[Evaluated].nonEmpty) throw thrown else false
      }
      assert(intercept[IllegalStateException](Runs.train(sc, config, events)) eq thrown)
      nothingIsLeft(sc)
    }
  }

  test("an interrupted run is cancelled, with the interruption as its cause and the thread's flag set") {
    for (config <- endless(tau = 1000000)) {
      val (e, flag) = disturbed(sc, config)(_.interrupt())
      assert(e.getCause.isInstanceOf[InterruptedException] && flag, config)
    }
  }

  test("a run is cancelled with its job group or its tag, on whichever thread its jobs are") {
    for (config <- endless(tau = 1000000)) {
      disturbed(sc, config, sc.setJobGroup("mine", "a test"))(_ => sc.cancelJobGroup("mine"))
      disturbed(sc, config, sc.addJobTag("mine"))(_ => sc.cancelJobsWithTag("mine"))
    }
  }

  test("two runs at once give the bits of each alone, and end alone")(twoAtOnce(sc))
}
