// Training inside one stage in local Spark: the bits of the result, the events, and how it ends.
package io.firesteel.train.stage

import io.firesteel._
import io.firesteel.jni.{Engine, Kind}
import io.firesteel.train.{Evaluation, Events, RunWatch, Runs}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.SpanSugar._

class DeepSparkTest extends AnyFunSuite with BeforeAndAfterAll with Eventually {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private val bsp = Runs.small.copy(workers = Some(2), consistency = Some("bsp"))

  private def bits(config: TrainConfig): Seq[Int] = Runs.bits(Runs.train(sc, config).weights)

  test("every kind of strategy learns, spends its whole budget and sends all its events") {
    val longer = Runs.stage.copy(iterations = Some(60), evalEvery = 4)
    val strategies = Seq(
      longer,
      // no momentum, since asynchrony has the effect of one (Mitliagkas, Zhang, Hadjis, Ré 2016)
      longer.copy(strategy = "downpour", consistency = Some("ssp"), staleness = Some(1), momentum = Some(0)),
      longer.copy(strategy = "easgd"),
      longer.copy(strategy = "sparknet", consistency = Some("bsp"))
    )
    for (config <- strategies) {
      val events = new Events
      val model = Runs.train(sc, config, events)
      val (exchanges, evaluations) = (events.of[ExchangeDone], events.of[Evaluated])
      assert(events.all.head.isInstanceOf[Started] && events.all.last.isInstanceOf[Ended])
      assert(exchanges.map(_.steps).sum == 120 && exchanges.last.totalSteps == 120, config)
      assert(exchanges.map(_.totalSteps) == exchanges.scanLeft(0L)(_ + _.steps).tail)
      assert(exchanges.last.totalSamples == 120 * 20 && exchanges.map(_.worker).toSet == Set(0, 1))
      for (worker <- 0 to 1) {
        val numbers = exchanges.filter(_.worker == worker).map(_.exchange)
        assert(numbers == (1L to numbers.length.toLong))
      }
      assert(exchanges.takeRight(6).map(_.loss).sum / 6 < exchanges.head.loss * 0.9, config)
      val rounds = evaluations.map(_.round)
      assert(
        rounds == rounds.distinct.sorted && rounds.last == 12 && evaluations.forall(e => e.wallSeconds >= e.seconds)
      )
      val end = events.of[Ended].head
      assert(end.rounds == 12 && end.samples == 2400 && end.accuracy.exists(_ > 0.2), config) // of ten classes
      assert(end.exchanges.exists(totals => totals.staleness.sum == exchanges.length && totals.bytes > 0))
      assert(events.of[Fault].isEmpty)
      val files = Runs.cifar10(sc)
      val again = Evaluation.evaluate(sc, files.test.get, model.config, model.toSafetensors, model.preprocessing)
      assert(end.accuracy.contains(again.accuracy))
    }
  }

  test("the center is evaluated while the workers continue, and its loss falls") {
    val events = new Events
    Runs.train(sc, Runs.stage.copy(iterations = Some(1000), evalEvery = 1), events)
    val evaluations = events.of[Evaluated]
    assert(evaluations.length > 2 && evaluations.last.round == 200 && evaluations.last.samples == 2000 * 20)
    assert(evaluations.init.forall(_.round < 200) && evaluations.last.loss < evaluations.head.loss)
  }

  test("an elastic worker that is left alone is the sequential run, and a center that takes all follows it") {
    val one = Runs.stage.copy(workers = Some(1), iterations = Some(12), alpha = Some(0))
    val alone = Runs.train(sc, Runs.small.copy(strategy = "sequential", workers = None)).weights
    val followed = Runs.train(sc, one.copy(serverAlpha = Some(1))).weights
    assert(followed.lazyZip(alone).forall((a, b) => math.abs(a - b) <= 1e-6 + 1e-5 * math.abs(b)))
    val model = Runs.train(sc, one)
    assert(Runs.bits(model.weights) == Runs.bits(Engine.initialWeights(model.config.toJson)))
  }

  test("a center in parts on executors ends where the driver's does, bit for bit") {
    assert(bits(bsp.copy(exchangers = 2)) == bits(bsp))
    val encrypted = Runs.stage.copy(exchangers = 3, tls = Some(true), shards = 2)
    val events = new Events
    Runs.train(sc, encrypted, events)
    assert(events.of[Ended].head.samples == encrypted.iterations.get * 2 * encrypted.batch.get)
    assert(Engine.live() == 0)
  }

  test("more workers than task slots are refused with what to do, before anything is started") {
    val events = new Events
    val e = intercept[FiresteelException](Runs.train(sc, Runs.stage.copy(workers = Some(3)), events))
    assert(e.kind == Kind.CONFIG)
    assert(
      e.getMessage == "3 workers run at once, but local[2] has 2 task slots: set workers to at most 2, or use " +
        "--master local[3]"
    )
    assert(events.all.isEmpty && Engine.live() == 0)
  }

  test("a listener that throws ends the run with what it threw, and nothing is left") {
    val thrown = new IllegalStateException("enough")
    val endless = Runs.stage.copy(iterations = Some(1000000), evalEvery = 1)
    val listeners = Seq(
      new TrainListener { override def exchange(e: ExchangeDone): Unit = throw thrown },
      new TrainListener { override def evaluated(e: Evaluated): Unit = throw thrown }
    )
    for (listener <- listeners) {
      assert(intercept[IllegalStateException](Runs.train(sc, endless, listener)) eq thrown)
      eventually(timeout(1.minute))(assert(Engine.live() == 0)) // tasks outlive the job that Spark cancels
      assert(sc.getPersistentRDDs.isEmpty)
    }
  }

  test("a job that is cancelled from outside ends the run as cancelled, in a turn of any length") {
    for (
      endless <- Seq(Runs.stage.copy(tau = 1000000), bsp.copy(tau = 1000000)).map(_.copy(iterations = Some(1000000)))
    ) {
      val watch = new RunWatch(sc, _ => sc.cancelAllJobs())
      try assert(intercept[FiresteelException](Runs.train(sc, endless)).kind == Kind.CANCELLED)
      finally watch.close()
      eventually(timeout(1.minute))(assert(Engine.live() == 0))
    }
  }
}
