// Runs that are cancelled, and two at once, for the tests of local Spark and of a cluster.
package io.firesteel.train

import io.firesteel._
import io.firesteel.jni.{Engine, Kind}
import java.util.concurrent.{CompletableFuture, ExecutionException}
import java.util.concurrent.TimeUnit.MINUTES
import org.apache.spark.SparkContext
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.SpanSugar._

trait CancelledRuns extends AnyFunSuite with Eventually {
  protected val two = Runs.small.copy(workers = Some(2))

  /** In rounds, in one synchronous stage, in one asynchronous stage. */
  protected val kinds = Seq(two.copy(consistency = Some("rounds")), two.copy(consistency = Some("bsp")), Runs.stage)

  /** The same without an end that a test could wait for, in turns of `tau` steps. */
  protected def endless(tau: Int): Seq[TrainConfig] = kinds.map(_.copy(tau = tau, iterations = Some(1000000)))

  /** Nothing of a run is left in this process, and no job of it runs. */
  protected def nothingIsLeft(sc: SparkContext): Unit = eventually(timeout(1.minute)) {
    assert(Engine.live() == 0)
    assert(sc.getPersistentRDDs.isEmpty)
    assert(sc.statusTracker.getActiveJobIds().isEmpty)
  }

  /** Runs `body` in a thread of its own; what it returned or threw, and whether the thread's flag was set then. */
  protected def elsewhere[A](body: => A): (Thread, CompletableFuture[(Either[Throwable, A], Boolean)]) = {
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

  protected def cancelled(result: Either[Throwable, TrainedModel]): FiresteelException = result match {
    case Left(e: FiresteelException) if e.kind == Kind.CANCELLED => e
    case other                                                   => fail(s"$other is no cancellation")
  }

  /** Trains in another thread, which `disturb` is given when the first task trains. */
  protected def disturbed(sc: SparkContext, config: TrainConfig, before: => Unit = ())(
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

  protected def twoAtOnce(sc: SparkContext): Unit = {
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
}
