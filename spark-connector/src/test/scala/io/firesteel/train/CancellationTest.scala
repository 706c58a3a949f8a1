// Runs that are stopped by their listener, interrupted, or whose Spark jobs are cancelled: how they end, and that nothing
// is left of them.
package io.firesteel.train

import io.firesteel._
import io.firesteel.jni.{Engine, Kind}
import java.util.concurrent.{CompletableFuture, ExecutionException}
import java.util.concurrent.TimeUnit.MINUTES
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.SpanSugar._

class CancellationTest extends AnyFunSuite with BeforeAndAfterAll with Eventually {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private val two = Runs.small.copy(workers = Some(2))

  /** In rounds, in one synchronous stage, in one asynchronous stage. */
  private val kinds = Seq(two.copy(consistency = Some("rounds")), two.copy(consistency = Some("bsp")), Runs.stage)

  /** The same without an end that a test could wait for, in turns of `tau` steps. */
  private def endless(tau: Int): Seq[TrainConfig] = kinds.map(_.copy(tau = tau, iterations = Some(1000000)))

  /** Nothing of a run is left in this process, and no job of it runs. */
  private def nothingIsLeft(sc: SparkContext): Unit = eventually(timeout(1.minute)) {
    assert(Engine.live() == 0)
    assert(sc.getPersistentRDDs.isEmpty)
    assert(sc.statusTracker.getActiveJobIds().isEmpty)
  }

  /** Runs `body` in a thread of its own; what it returned or threw, and whether the thread's flag was set then. */
  private def elsewhere[A](body: => A): (Thread, CompletableFuture[(Either[Throwable, A], Boolean)]) = {
    val done = new CompletableFuture[(Either[Throwable, A], Boolean)]
    val thread = new Thread(() => {
      val result =
        try Right(body)
        catch { case e: Throwable => Left(e) }
      done.complete((result, Thread.currentThread.isInterrupted))
    })
    thread.start()
    (thread, done)
  }

  private def cancelled(result: Either[Throwable, TrainedModel]): FiresteelException = result match {
    case Left(e: FiresteelException) if e.kind == Kind.CANCELLED => e
    case other                                                   => fail(s"$other is no cancellation")
  }

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

  /** Trains in another thread, which `disturb` is given when the first task trains. */
  private def disturbed(sc: SparkContext, config: TrainConfig, before: => Unit = ())(
      disturb: Thread => Unit
  ): (FiresteelException, Boolean) = {
    val ready = new CompletableFuture[Thread]
    val watch = new RunWatch(sc, _ => disturb(ready.get()))
    val events = new Events
    try {
      val (thread, done) = elsewhere {
        before
        Runs.train(sc, config, events)
      }
      ready.complete(thread)
      val (result, flag) = done.get(2, MINUTES)
      val e = cancelled(result)
      assert(watch.stages == 1, "a cancelled job is not run again")
      assert(events.of[Fault].isEmpty && events.of[Ended].isEmpty)
      nothingIsLeft(sc)
      (e, flag)
    } finally watch.close()
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

  test("the workers in executors are freed after an interruption and a cancellation") {
    TestSpark.usingCluster { sc =>
      for (config <- endless(tau = 1000000)) {
        assert(disturbed(sc, config)(_.interrupt())._2)
        disturbed(sc, config, sc.setJobGroup("mine", "a test"))(_ => sc.cancelJobGroup("mine"))
        eventually(timeout(1.minute))(assert(Executors.live(sc) == 0))
      }
    }
  }

  private def twoAtOnce(sc: SparkContext): Unit = {
    val configs = Seq(two.copy(iterations = Some(30)), two.copy(iterations = Some(30), seed = 8, tau = 3))
    val alone = configs.map(config => Runs.bits(Runs.train(sc, config).weights))
    val runs = configs.zipWithIndex.map { case (config, i) =>
      elsewhere {
        sc.setJobGroup(s"run $i", "a test")
        val events = new Events
        (Runs.bits(Runs.train(sc, config, events).weights), events)
      }._2
    }
    for ((done, expected) <- runs.zip(alone)) {
      val (result, _) = done.get(4, MINUTES)
      val (weights, events) = result.fold(e => throw new ExecutionException(e), identity)
      assert(weights == expected && events.of[Ended].head.reason == EndReason.Budget)
    }
    // the cancellation of one does not concern the other
    val survivor = elsewhere(Runs.bits(Runs.train(sc, configs.head).weights))._2
    val long = configs.last.copy(iterations = Some(1000000), evalEvery = 1)
    val begun = new CompletableFuture[Unit]
    val victim = elsewhere {
      sc.setJobGroup("victim", "a test")
      Runs.train(sc, long, new TrainListener { override def round(e: RoundDone): Unit = begun.complete(()): Unit })
    }._2
    begun.get(2, MINUTES)
    eventually(timeout(2.minutes)) { // it may be between two jobs
      sc.cancelJobGroup("victim")
      assert(victim.isDone)
    }
    cancelled(victim.get._1)
    assert(survivor.get(4, MINUTES)._1.fold(e => throw new ExecutionException(e), identity) == alone.head)
    nothingIsLeft(sc)
  }

  test("two runs at once give the bits of each alone, and end alone")(twoAtOnce(sc))

  test("two runs at once on the same executors give the bits of each alone, and end alone") {
    TestSpark.usingCluster(twoAtOnce(_))
  }
}
