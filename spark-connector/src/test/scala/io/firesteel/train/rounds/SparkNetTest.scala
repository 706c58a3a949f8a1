// Training in rounds in local Spark: the bits of the result, the events, and how it ends.
package io.firesteel.train.rounds

import io.firesteel._
import io.firesteel.data.{ImageFiles, PartitionedRows, RecordFormat}
import io.firesteel.jni.{Engine, Kind}
import io.firesteel.tensors.PackedVector
import io.firesteel.train.{Evaluation, Events, RunWatch, Runs, Training}
import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.placement.Placement
import io.firesteel.train.run.{Checkpoint, Plan}
import io.firesteel.train.workers.{Jobs, LoadedRows, WorkerResult, Workers}
import java.nio.file.{Files, Path}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.SpanSugar._
import scala.sys.process.Process

class SparkNetTest extends AnyFunSuite with BeforeAndAfterAll with Eventually {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private def sequential(out: Path, config: TrainConfig): Unit = {
    val program = TestSpark.root.resolve("target/release/sequential")
    assert(Files.exists(program), "build it with scripts/build")
    val options = Seq(
      "iterations" -> config.iterations.get,
      "tau" -> config.tau,
      "batch" -> config.batch.get,
      "lr" -> config.lr.get,
      "lr-policy" -> config.lrPolicy.get,
      "seed" -> config.seed,
      "net" -> config.net,
      "normalize" -> config.normalize,
      "augment" -> config.augment,
      "precision" -> config.precision,
      "data" -> TestSpark.fixture("cifar10-tiny"),
      "out" -> out
    ) ++ config.updateBn.map("update-bn" -> _)
    assert(Process(program.toString +: options.flatMap { case (key, value) => Seq(s"--$key", s"$value") }).! == 0)
  }

  test("one worker is the sequential program, byte for byte") {
    TestSpark.directory { directory =>
      sequential(directory.resolve("sequential"), Runs.small)
      def file(name: String) = Files.readAllBytes(directory.resolve("sequential").resolve(name)).toSeq
      val one = Runs.small.copy(workers = Some(1))
      val runs = Seq(
        one,
        one.copy(tau = 1),
        one.copy(tau = 50),
        one.copy(solverState = "average"),
        one.copy(strategy = "sequential", workers = None)
      )
      for (config <- runs) {
        val model = Runs.train(sc, config)
        assert(model.toSafetensors.toSeq == file("model.safetensors"), config)
        assert(model.preprocessing.toSeq == file("preprocessing.safetensors"), config)
      }
    }
  }

  test("so it is with whitening, running statistics and augmentation, in both precisions") {
    val net =
      Runs.small.copy(net = "airbench_32_64_64", normalize = "channel", augment = "alternating-flip,translate:2")
    for (precision <- Seq("f32", "bf16")) TestSpark.directory { directory =>
      val config = net.copy(precision = precision, updateBn = Some(3))
      sequential(directory.resolve("sequential"), config)
      val model = Runs.train(sc, config.copy(workers = Some(1)))
      assert(model.toSafetensors.toSeq == Files.readAllBytes(directory.resolve("sequential/model.safetensors")).toSeq)
      val averaged = Runs.train(sc, config.copy(workers = Some(1), updateBn = None))
      assert(Runs.bits(averaged.weights) != Runs.bits(model.weights))
    }
  }

  test("the same seed gives the same bits again and another seed others") {
    val first = Runs.bits(Runs.train(sc, Runs.small).weights)
    assert(Runs.bits(Runs.train(sc, Runs.small).weights) == first)
    assert(Runs.bits(Runs.train(sc, Runs.small.copy(seed = 4)).weights) != first)
  }

  test("training learns, and sends all its events") {
    val events = new Events
    Runs.train(sc, Runs.small.copy(iterations = Some(60), evalEvery = 5), events)
    val (rounds, evaluations) = (events.of[RoundDone], events.of[Evaluated])
    assert(events.all.head.isInstanceOf[Started] && events.all.last.isInstanceOf[Ended])
    assert(events.of[Started].head.rounds == 12 && events.of[Started].head.testRows == 100)
    assert(rounds.map(_.round) == (1 to 12) && rounds.map(_.localSteps) == (5L to 60L by 5L))
    assert(rounds.map(_.samples) == (1 to 12).map(_ * 3 * 5 * 20L))
    assert(rounds.forall(_.exchangeBytes == 2L * 3 * 4 * events.of[Started].head.parameters))
    assert(rounds.map(_.seconds) == rounds.map(_.seconds).sorted && rounds.last.loss < rounds.head.loss / 2)
    assert(evaluations.map(_.round) == Seq(5, 10, 12) && evaluations.forall(e => e.wallSeconds >= e.seconds))
    assert(evaluations.last.accuracy > 0.5 && events.of[Ended].head.accuracy.contains(evaluations.last.accuracy))
    assert(events.of[Fault].isEmpty)
  }

  test("the last round may be shorter") {
    val events = new Events
    Runs.train(sc, Runs.small, events)
    assert(events.of[RoundDone].map(_.localSteps) == Seq(5, 10, 12))
  }

  test("a run leaves no worker, no center and no cached rows, whether it ends well or not") {
    Runs.train(sc, Runs.small)
    assert(Engine.live() == 0 && sc.getPersistentRDDs.isEmpty)
    val thrown = new IllegalStateException("enough")
    val e = intercept[IllegalStateException](
      Runs.train(
        sc,
        Runs.small,
        new TrainListener {
          override def round(e: RoundDone): Unit = throw thrown
        }
      )
    )
    assert((e eq thrown) && Engine.live() == 0 && sc.getPersistentRDDs.isEmpty)
  }

  test("more workers than rows is refused with both numbers") {
    val e = intercept[FiresteelException](Runs.train(sc, Runs.small.copy(workers = Some(401))))
    assert(e.kind == Kind.CONFIG && e.getMessage.startsWith("401 workers are more than the 400 rows"))
  }

  test("a worker's weight in the mean is the number of its samples") {
    val plan = Plan.resolve(Runs.small, Runs.cifar10(sc).train, slots = 2)
    val counts = Seq(0L, 1L, 99L, 10000L)
    def result(count: Long) = {
      val vector = PackedVector(Array.fill(plan.length)(if (count == 0) Float.NaN else count.toFloat))
      WorkerResult(vector, count, loss = 0, fresh = false, None)
    }
    val expected = counts.map(count => count.toDouble * count).sum / counts.sum
    assert(WorkerResult.mean(counts.map(result).toIndexedSeq).floats.forall(_ == expected.toFloat))
  }

  test("in a round over partitions of 0, 1 and 40 rows the empty one returns the center") {
    val source = Runs.cifar10(sc).train
    val plan = Plan.resolve(Runs.small, source, slots = 2)
    val records = source.records.values.take(41)
    val chunks = Seq(Seq.empty, Seq(records.head), records.tail.toSeq).map(_.flatten.toArray)
    val rdd = sc.parallelize(chunks, 3).filter(_.nonEmpty)
    val watch = new FaultWatch(sc, "uneven", (_, _) => ())
    val jobs = new Jobs(sc, "uneven", new Placement(sc, "uneven", 3, watch.report), watch)
    val workers =
      new Workers(sc, PartitionedRows(rdd, IndexedSeq(0, 1, 40), RecordFormat.Cifar10), plan, "uneven", jobs)
    try {
      val LoadedRows(statistics, devices, bad) = workers.load()
      assert(bad.count == 0)
      assert(devices == Seq.fill(3)("cpu"))
      val normalizer = Engine.normalizer(plan.configJson, statistics)
      val start = Checkpoint.initialized(plan, Checkpoint.start(plan, source.rows, None), statistics)
      val results = workers.round(start, normalizer, statesToo = false)
      assert(results.map(_.samples) == Seq(0, 5 * 1, 5 * 20))
      assert(Runs.bits(results.head.vector.floats) == Runs.bits(start.center.floats))
      assert(results.tail.forall(result => Runs.bits(result.vector.floats) != Runs.bits(start.center.floats)))
    } finally {
      workers.close()
      watch.close()
    }
  }

  test("a lost worker is built again, and an event says what became of its momentum") {
    for ((state, said) <- Seq("local" -> "its momentum restarted at zero", "average" -> "nothing else was lost")) {
      val watch = new RunWatch(sc)
      val events = new Events {
        override def round(e: RoundDone): Unit = {
          super.round(e)
          if (e.round == 1) watch.forgetWorkers()
        }
      }
      try Runs.train(sc, Runs.small.copy(solverState = state), events)
      finally watch.close()
      val faults = events.of[Fault]
      assert(faults.map(_.round) == Seq(2, 2, 2) && faults.forall(_.action.endsWith(said)), faults)
    }
  }

  test("a killed task ends within a minibatch") {
    val endless = Runs.small.copy(tau = 1000000, iterations = Some(1000000))
    val watch = new RunWatch(sc, _ => sc.cancelAllJobs())
    try assert(intercept[FiresteelException](Runs.train(sc, endless)).kind == Kind.CANCELLED)
    finally watch.close()
    eventually(timeout(1.minute))(assert(Engine.live() == 0)) // tasks outlive the job that Spark cancels
  }

  test("a bad label ends the run with kind data and its place, before the first round") {
    TestSpark.directory { directory =>
      val bytes = new Array[Byte](50 * 3073)
      bytes(7 * 3073) = 99
      Files.write(directory.resolve("data_batch_1.bin"), bytes)
      val source = ImageFiles.open(sc, directory.toString, None).train
      val e = intercept[FiresteelException](Training.train(sc, source, None, Runs.small, TrainListener.silent, None))
      assert(
        e.kind == Kind.DATA && e.getMessage.endsWith("record 7 at byte 21511 has label 99, cifar10 has 10 classes")
      )
    }
  }

  test("a saved model evaluates to what the run reported") {
    val events = new Events
    val model = Runs.train(sc, Runs.small, events)
    val test = Runs.cifar10(sc).test.get
    val result = Evaluation.evaluate(sc, test, model.config, model.toSafetensors, model.preprocessing)
    val reported = events.of[Evaluated].last
    assert((result.rows, result.accuracy, result.loss) == (100, reported.accuracy, reported.loss))
    val other = model.config.copy(classes = Some(100))
    val e =
      intercept[FiresteelException](Evaluation.evaluate(sc, test, other, model.toSafetensors, model.preprocessing))
    assert(e.kind == Kind.CONFIG && e.getMessage == "a model of 100 classes does not fit a data set of 10")
    val net = model.config.copy(net = "cifar10_full")
    assert(
      intercept[FiresteelException](
        Evaluation.evaluate(sc, test, net, model.toSafetensors, model.preprocessing)
      ).kind == Kind.LAYOUT
    )
  }
}
