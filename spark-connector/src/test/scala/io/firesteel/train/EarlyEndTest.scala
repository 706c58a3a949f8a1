// Runs that end by `patience`, and models with the weights of the best evaluation.
package io.firesteel.train

import io.firesteel._
import io.firesteel.jni.{Engine, Kind}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class EarlyEndTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private val Patience = 2
  private val whole = Runs.small.copy(workers = Some(2), tau = 2, iterations = Some(120))
  private val early = whole.copy(patience = Some(Patience.toLong), restoreBestWeights = true)

  private def run(config: TrainConfig, store: Option[CheckpointStore] = None): (Events, Seq[Int]) = {
    val events = new Events
    val model = Runs.train(sc, config, events, store)
    (events, Runs.bits(model.weights))
  }

  private def accuracies(events: Events): Seq[Double] = events.of[Evaluated].map(_.accuracy)

  /** The rounds, from 1, in which a run with these accuracies is best and in which it ends. */
  private lazy val (best, end, all) = {
    val all = accuracies(run(whole)._1)
    def best(rounds: Int) = all.take(rounds).indexOf(all.take(rounds).max) + 1
    val end = (1 to all.length).find(rounds => rounds - best(rounds) == Patience).get
    assert(end < all.length, s"the test needs a run whose accuracy falls: $all")
    (best(end), end, all)
  }

  test(
    "a run ends when its patience is spent, in rounds and in one stage, and its model is the best, of equal ones the first"
  ) {
    val expected = run(whole.copy(iterations = Some(best.toLong * whole.tau)))._2
    for (consistency <- Seq("rounds", "bsp"); state <- Seq("local", "reset")) {
      val config = early.copy(consistency = Some(consistency), solverState = state)
      val (events, weights) = run(config)
      val ended = events.of[Ended].head
      assert(ended.reason == EndReason.Patience && ended.rounds == events.of[Evaluated].length, config)
      assert(ended.bestAccuracy.contains(accuracies(events).max) && ended.accuracy == ended.bestAccuracy)
      assert(ended.bestRound.contains(accuracies(events).indexOf(accuracies(events).max) + 1))
      assert(events.all.last == ended && Engine.live() == 0)
      if (state == "local") assert((ended.rounds, weights) == ((end, expected)), consistency)
    }
  }

  test("without the settings a run tells its best evaluation and has its last weights") {
    val (events, weights) = run(whole)
    val ended = events.of[Ended].head
    assert(
      ended.reason == EndReason.Budget && ended.bestAccuracy.contains(all.max) && ended.accuracy.contains(all.last)
    )
    assert(ended.bestRound.contains(all.indexOf(all.max) + 1))
    val restored = run(whole.copy(restoreBestWeights = true))
    assert(
      restored._1.of[Ended].head.reason == EndReason.Budget && restored._1.of[Ended].head.accuracy.contains(all.max)
    )
    assert(restored._2 != weights)
  }

  test("a resumed run ends as an uninterrupted one, and one that has ended gives its model at once") {
    final class InterruptedRun extends RuntimeException
    for (state <- Seq("local", "average")) {
      val config = early.copy(consistency = Some("rounds"), solverState = state)
      val (expected, weights) = run(config)
      val last = expected.of[Ended].head
      val store = new MemoryStore
      val cut = new TrainListener {
        override def round(e: RoundDone): Unit = if (e.round == last.rounds) throw new InterruptedRun
      }
      intercept[InterruptedRun](Runs.train(sc, config, cut, Some(store)))
      for (rounds <- Seq(1, 0)) {
        val (resumed, again) = run(config.copy(resume = true), Some(store))
        val ended = resumed.of[Ended].head
        assert(again == weights && resumed.of[RoundDone].length == rounds, state)
        assert((ended.reason, ended.rounds, ended.bestRound) == ((EndReason.Patience, last.rounds, last.bestRound)))
        assert((ended.accuracy, ended.loss) == ((last.accuracy, last.loss)))
      }
      val more = run(config.copy(resume = true, patience = Some(Patience + 1L)), Some(store))._1
      assert(more.of[RoundDone].nonEmpty && more.of[RoundDone].head.round == last.rounds + 1)
    }
  }

  test("an asynchronous run ends its stage early, and a resumed one stays ended") {
    for (
      config <- Seq(Runs.stage, Runs.stage.copy(strategy = "downpour", momentum = Some(0), consistency = Some("ssp")))
    ) {
      val endless = config.copy(
        iterations = Some(1000000),
        evalEvery = 1,
        patience = Some(3),
        restoreBestWeights = true
      )
      val store = new MemoryStore
      val (events, weights) = run(endless, Some(store))
      val (ended, seen) = (events.of[Ended].head, accuracies(events))
      assert(ended.reason == EndReason.Patience && events.all.last == ended && events.of[Fault].isEmpty)
      assert(seen.indexOf(seen.max) == seen.length - 4 && ended.bestAccuracy.contains(seen.max), seen)
      assert(ended.rounds == events.of[Evaluated].last.round && ended.samples == events.of[Evaluated].last.samples)
      assert(Engine.live() == 0)
      val (again, same) = run(endless.copy(resume = true), Some(store))
      assert(same == weights && again.of[ExchangeDone].isEmpty && again.of[Ended].head.reason == EndReason.Patience)
    }
  }

  test("what compares evaluations needs a set to evaluate") {
    val train = Runs.cifar10(sc).train
    for (
      (key, config) <- Seq(
        "patience" -> whole.copy(patience = Some(1)),
        "restore-best-weights" -> early.copy(patience = None)
      )
    ) {
      val e = intercept[FiresteelException](Training.train(sc, train, None, config, TrainListener.silent, None))
      assert(
        e.kind == Kind.CONFIG && e.getMessage == s"$key needs images to evaluate, and there is only a training set"
      )
    }
  }
}
