// The synchronous strategies inside one stage: the same bits as in rounds, wherever the jobs end; and the choice between
// the two.
package io.firesteel.train.stage

import io.firesteel._
import io.firesteel.jni.{Engine, Exchanger, Kind, Link}
import io.firesteel.tensors.PackedVector
import io.firesteel.train.run.Plan
import io.firesteel.train.workers.ExchangerKey
import io.firesteel.train.{Events, MemoryStore, RunWatch, Runs}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

class SynchronousStageTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private val Modes = Seq(Some("rounds"), Some("bsp"), None)
  private val Never = 1000 // rounds between two evaluations: the job ends with the run

  /** 2 workers, 12 local steps each in rounds of 5, 5 and 2. */
  private val two = Runs.small.copy(workers = Some(2))

  private def bits(config: TrainConfig): Seq[Int] = Runs.bits(Runs.train(sc, config).weights)

  /** All that a run tells of its rounds and evaluations but how long they took, and the bits of its model. */
  private def run(config: TrainConfig): Seq[Any] = {
    val events = new Events
    val weights = Runs.bits(Runs.train(sc, config, events).weights)
    val rounds = events.of[RoundDone].map(e => (e.round, e.rounds, e.localSteps, e.samples, e.loss, e.exchangeBytes))
    val evaluations = events.of[Evaluated].map(e => (e.round, e.samples, e.accuracy, e.loss))
    assert(events.of[Fault].isEmpty && rounds.nonEmpty && evaluations.nonEmpty)
    assert(
      evaluations.map(_._1) == rounds.map(_._1).filter(round => round % config.evalEvery == 0 || round == rounds.length)
    )
    val end = events.of[Ended].head
    Seq(weights, rounds, evaluations, end.rounds, end.samples, end.accuracy, end.loss)
  }

  test("rounds, one stage and what is chosen give the same bits, the same rounds and the same evaluations") {
    val kinds = Seq[TrainConfig => TrainConfig](
      identity,
      _.copy(evalEvery = 2),
      _.copy(evalEvery = Never, solverState = "reset"),
      _.copy(solver = "adamw", lookaheadEvery = Some(4), lookaheadAlpha = Some(0.5)),
      _.copy(period = "post-local", postLocalStep = Some(4), evalEvery = 2),
      _.copy(
        period = "qsr",
        qsrAlpha = Some(0.0015),
        lrPolicy = Some("cosine"),
        lrScale = "sqrt",
        tau = 1,
        evalEvery = 2
      ),
      _.copy(
        net = "resnet20",
        normalize = "channel",
        updateBn = Some(1),
        tau = 1,
        iterations = Some(2),
        batch = Some(5)
      ),
      _.copy(workers = Some(1))
    )
    for (kind <- kinds) {
      val runs = Modes.map(mode => run(kind(two).copy(consistency = mode)))
      assert(runs.distinct.size == 1, kind(two))
    }
  }

  test("a run is the same wherever its jobs end, with an outer optimiser's momentum or weights of a worker's own") {
    val kinds = Seq[TrainConfig => TrainConfig](
      _.copy(outer = "nesterov"),
      _.copy(outer = "slowmo", outerMomentum = Some(0.5)),
      _.copy(strategy = "easgd")
    )
    for (kind <- kinds) {
      val whole = bits(kind(two).copy(evalEvery = Never))
      for (every <- Seq(1, 2)) assert(bits(kind(two).copy(evalEvery = every)) == whole, kind(two))
    }
  }

  test("each job of a run is a stage of its own, and nothing is evaluated on the driver") {
    val watch = new RunWatch(sc)
    try {
      Runs.train(sc, two.copy(consistency = Some("bsp")))
      assert(watch.stages == 3)
    } finally watch.close()
    assert(Engine.live() == 0 && sc.getPersistentRDDs.isEmpty)
  }

  private final class InterruptedRun extends RuntimeException

  /** A run that is cut short after its second checkpoint. */
  private def cutShort(config: TrainConfig): MemoryStore = {
    val store = new MemoryStore
    val events = new Events {
      override def evaluated(e: Evaluated): Unit = {
        super.evaluated(e)
        if (of[Evaluated].length == 3) throw new InterruptedRun
      }
    }
    intercept[InterruptedRun](Runs.train(sc, config, events, Some(store)))
    store
  }

  test("a run that is resumed, in one stage or in rounds, ends with the bits of one that was not interrupted") {
    val longer = two.copy(iterations = Some(23)) // 5 rounds, the last of 3 steps
    for (state <- Seq("local", "reset"); solver <- Seq("sgd", "adamw")) {
      val config = longer.copy(solverState = state, solver = solver)
      val whole = bits(config)
      for (mode <- Seq(None, Some("bsp"), Some("rounds"))) {
        val store = cutShort(config)
        val events = new Events
        val resumed = Runs.train(sc, config.copy(resume = true, consistency = mode), events, Some(store))
        assert(Runs.bits(resumed.weights) == whole, (state, solver, mode))
        assert(events.of[Started].head.completedRounds == 2 && events.of[Started].head.completedSteps == 20)
        assert(events.of[RoundDone].map(_.round) == Seq(3, 4, 5))
        assert(events.of[Started].head.how == (if (mode.contains("rounds")) "in rounds" else "in one stage"))
      }
    }
  }

  test("an outer optimiser's momentum is in the checkpoint, too") {
    val config = two.copy(iterations = Some(23), outer = "nesterov")
    val resumed = Runs.train(sc, config.copy(resume = true), TrainListener.silent, Some(cutShort(config)))
    assert(Runs.bits(resumed.weights) == bits(config))
  }

  test("a run in rounds goes on in rounds, and one stage cannot take it over") {
    val config = two.copy(iterations = Some(23))
    val store = cutShort(config.copy(consistency = Some("rounds")))
    val events = new Events
    val asked = config.copy(resume = true)
    val e = intercept[FiresteelException](Runs.train(sc, asked.copy(consistency = Some("bsp")), events, Some(store)))
    assert(e.kind == Kind.CONFIG && e.getMessage.endsWith("""consistency was "rounds", is "bsp""""))
    assert(Runs.bits(Runs.train(sc, asked, events, Some(store)).weights) == bits(config))
    assert(events.of[Started].map(_.how) == Seq("in rounds (as the run that is resumed)"))
  }

  private def how(config: TrainConfig): String = {
    val events = new Events
    Runs.train(sc, config, events)
    events.of[Started].head.how
  }

  test("sparknet runs in one stage where each worker has a slot, else in rounds, and says which and why") {
    assert(how(two) == "in one stage")
    assert(how(two.copy(workers = Some(3))) == "in rounds (2 slots for 3 workers)")
    assert(how(two.copy(consistency = Some("rounds"))) == "in rounds")
    assert(how(two.copy(solverState = "average")) == "in rounds")
    assert(how(two.copy(codec = "bf16")) == "in one stage")
    assert(how(two.copy(strategy = "easgd")) == "")
    val wide = two.copy(workers = Some(3), codec = "bf16")
    val e = intercept[FiresteelException](Runs.train(sc, wide))
    assert(e.kind == Kind.CONFIG && e.getMessage.startsWith("3 workers run at once, but local[2] has 2 task slots"))
    assert(e.getMessage.endsWith("--master local[3], or leave out codec: rounds run on fewer"))
  }

  test("an executor that an exchanger does not answer says so") {
    val stage = Plan.resolve(two, Runs.cifar10(sc).train, 2).withConsistency("bsp")
    val config = stage.config.copy(exchangeDeadline = 1)
    val exchanger = Exchanger.open(config.toJson, PackedVector.zeros(stage.length).bytes, Array.empty)
    val client = exchanger.client()
    Link.open(s"""{"client":$client,"worker":0,"attempt":1}""").close()
    exchanger.close()
    val task = new ProbeTask(new ExchangerKey(client, resumed = 0))
    val answers = sc.parallelize(Seq(0), 1).map(_ => task()).collect().toSeq
    assert(answers.head.exists(_.matches("exchanger 127\\.0\\.0\\.1:\\d+ did not answer for 1 s.*")), answers)
  }
}
