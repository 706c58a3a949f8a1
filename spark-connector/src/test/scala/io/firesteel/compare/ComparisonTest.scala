// Comparisons on two task slots: what they leave behind, what they run again, and what they refuse.
package io.firesteel.compare

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{FiresteelException, Json, Schema, TestSpark}
import io.firesteel.jni.{Engine, Kind, Simulation}
import java.nio.file.{Files, Path}
import io.firesteel.train.simulation.SimulatedTraining
import org.apache.commons.io.FileUtils
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.concurrent.Eventually.{eventually, PatienceConfig}
import org.scalatest.funsuite.AnyFunSuite
import scala.concurrent.{Await, Promise}
import scala.concurrent.duration._
import scala.jdk.CollectionConverters._
import scala.util.{Try, Using}

class ComparisonTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  private implicit val patience: PatienceConfig = PatienceConfig(timeout = 1.minute, interval = 100.millis)

  private lazy val directory: Path = Files.createTempDirectory("compare")

  override def afterAll(): Unit = {
    sc.stop()
    FileUtils.deleteDirectory(directory.toFile)
  }

  private val data = TestSpark.fixture("cifar10-tiny")

  private def matrix(axes: String, more: String = "", samples: Int = 80): Matrix = {
    val base = s"'data': '$data', 'batch': 10, 'tau': 2, 'lr': 0.001, 'lr-policy': 'fixed'"
    val json =
      s"{'name': 'test', 'base': {$base}, 'axes': {$axes}, 'budget': {'samples': $samples}, 'evaluations': 2$more}"
    MatrixFile.parse(json.replace('\'', '"'), "m.json", Path.of(_))
  }

  private val strategies = "'strategy': ['sequential', {'name': 'two', 'set': {'workers': 2}}], 'seed': [0, 1]"

  private class Ran extends ComparisonListener {
    @volatile var names = Seq.empty[String]
    @volatile var estimate = Option.empty[Double]
    override def planned(all: Seq[PlannedCell], left: Seq[PlannedCell], parallel: Int, seconds: Option[Double]): Unit =
      estimate = seconds
    override def began(cell: PlannedCell): Unit = names :+= cell.cell.name
  }

  private def run(matrix: Matrix, out: Path, parallel: Option[Int] = Some(1)): (Int, Seq[String]) = {
    val ran = new Ran
    val failed = Using.resource(Comparison.claim(out.toString, sc.hadoopConfiguration, matrix)) { directory =>
      Comparison.run(sc, matrix, directory, parallel, listener = ran)
    }
    assert(ran.estimate.exists(_ > 0) == ran.names.nonEmpty, ran.estimate)
    (failed, ran.names)
  }

  private def lines(out: Path): Seq[JsonNode] =
    Files.readAllLines(out.resolve(Comparison.Results)).asScala.toSeq.map(Json.mapper.readTree(_))

  private def fresh(): Path = Files.createTempDirectory(directory, "one").resolve("out")

  test("every run has the budget's samples, a result, and a place in the report and the tables") {
    val out = fresh()
    assert(run(matrix(strategies, ", 'goal': 0.01"), out)._1 == 0)
    val results = lines(out)
    assert(results.size == 4 && results.forall(_.get("samples").asLong == 80), results)
    assert(results.map(_.get("workers").asInt) == Seq(1, 1, 2, 2))
    assert(results.forall(_.get("points").size == 2) && results.forall(_.get("status").asText == "done"))
    assert(results.forall(line => line.path("time").get("compute").asDouble > 0 && line.get("seconds").asDouble > 0))
    assert(results.takeRight(2).forall(_.get("bytes").asLong > 0))
    val table = Files.readAllLines(out.resolve(Comparison.Table)).asScala
    assert(
      table.map(_.takeWhile(_ != ',')) == Seq("strategy", "sequential", "two") && table(1).startsWith("sequential,2,")
    )
    assert(Files.readString(out.resolve(Comparison.Tex)).linesIterator.count(_.contains("&")) == 3)
    val page = Files.readString(out.resolve(Comparison.Report))
    assert(page.contains("80 samples of all workers together") && page.contains("\"label\":\"sequential\""))
    assert(Files.readString(out.resolve("accuracy-samples.svg")).startsWith("<svg"))
    assert(Engine.live() == 0)
  }

  test("what is finished is not run again, and what is new or changed is") {
    val out = fresh()
    run(matrix("'strategy': ['sequential'], 'seed': [0]"), out)
    assert(run(matrix("'strategy': ['sequential'], 'seed': [0, 1]"), out)._2 == Seq("strategy sequential, seed 1"))
    assert(run(matrix("'strategy': ['sequential'], 'seed': [0, 1]"), out)._2.isEmpty)
    val longer = matrix("'strategy': ['sequential'], 'seed': [0]").copy(budget = Budget.Iterations(3))
    assert(run(longer, out)._2.size == 1 && lines(out).size == 3)
  }

  test("side by side, runs have the results that they have one after the other") {
    val (one, two) = (fresh(), fresh())
    val axes = "'strategy': ['sequential'], 'seed': [0, 1]"
    run(matrix(axes), one)
    run(matrix(axes), two, parallel = None)
    def told(out: Path) = lines(out).map(line => line.get("digest").asText -> line.get("accuracy")).toMap
    assert(told(one) == told(two))
  }

  test("a run that fails has its error in the results, the others go on, and the next call tries it again") {
    val out = fresh()
    val axes = "'lr': [1e300, 0.001], 'strategy': ['sequential']"
    val (failed, names) = run(matrix(axes), out)
    assert(failed == 1 && names.size == 2)
    assert(lines(out).head.get("error").asText.contains("diverged"), lines(out).head)
    assert(run(matrix(axes), out)._2 == names.take(1))
  }

  test("a run that cannot be is refused with its name before any begins") {
    for (
      (axes, expected) <- Seq(
        "'strategy': ['sequential', 'deepspark'], 'workers': [1, 3]" ->
          "m.json: run strategy sequential, workers 3",
        "'strategy': [{'name': 'far', 'set': {'strategy': 'deepspark', 'workers': 3}}]" -> "m.json: run strategy far",
        "'data': ['/no/such/directory']" -> "m.json: run data /no/such/directory"
      )
    ) {
      val out = fresh()
      val e = intercept[FiresteelException](run(matrix(axes), out))
      assert(e.getMessage.startsWith(expected) && !Files.exists(out.resolve(Comparison.Results)), e.getMessage)
    }
  }

  test("an interrupted comparison keeps what is finished, and goes on there") {
    val out = fresh()
    val all = matrix("'strategy': ['sequential'], 'seed': [0, 1, 2]")
    val interrupted = new ComparisonListener {
      override def ended(cell: PlannedCell, error: Option[String]): Unit =
        throw new FiresteelException(Kind.CANCELLED, "enough")
    }
    val e = intercept[FiresteelException] {
      Using.resource(Comparison.claim(out.toString, sc.hadoopConfiguration, all)) { directory =>
        Comparison.run(sc, all, directory, Some(1), listener = interrupted)
      }
    }
    assert(e.kind == Kind.CANCELLED && lines(out).size == 1)
    assert(run(all, out)._2.size == 2 && lines(out).size == 3)
  }

  test("two at once in a directory are refused") {
    val (out, one) = (fresh(), matrix("'strategy': ['sequential']"))
    Using.resource(Comparison.claim(out.toString, sc.hadoopConfiguration, one)) { _ =>
      val e = intercept[FiresteelException](run(one, out))
      assert(e.kind == Kind.CONFIG && e.getMessage.contains(out.toString))
    }
  }

  private val simulated = ", 'simulate': {'step-seconds': 0.5, 'jitter': 0.1}"

  test("simulated runs have the accuracies of real ones, virtual seconds, and more workers than there are task slots") {
    val (real, virtual) = (fresh(), fresh())
    val best =
      "{'name': 'best', 'set': {'workers': 2, 'lr': 0.05, 'restore-best-weights': true}}" // whose last is not its best
    val two = s"'strategy': [{'name': 'two', 'set': {'workers': 2}}, $best], 'seed': [0, 1]"
    run(matrix(two), real)
    assert(run(matrix(two, simulated), virtual)._1 == 0)
    def accuracies(out: Path) = lines(out).map(_.get("points").elements.asScala.map(_.get(4).asDouble).toSeq)
    assert(accuracies(real) == accuracies(virtual))
    for (key <- Seq("accuracy", "best")) assert(lines(real).map(_.get(key)) == lines(virtual).map(_.get(key)), key)
    val line = lines(virtual).head
    val last = line.get("points").elements.asScala.toSeq.last
    assert(line.get("samples").asLong == 80 && last.get(0).asLong == 80 && last.get(1).isNull)
    assert(last.get(2).asDouble == line.get("seconds").asDouble && line.get("seconds").asDouble > 4 * 0.4)
    assert(line.get("bytes") == lines(real).head.get("bytes") && line.get("cluster").get("jitter").asDouble == 0.1)
    assert(line.get("command").asText.startsWith("target/release/simulate "), line.get("command"))
    assert(Files.readString(virtual.resolve(Comparison.Report)).contains("under a virtual clock"))
    val many = fresh()
    val sixteen = "'strategy': [{'name': 'many', 'set': {'strategy': 'easgd-async', 'workers': 16}}], 'seed': [0, 1]"
    assert(run(matrix(sixteen, simulated), many, parallel = None)._1 == 0)
    assert(lines(many).forall(_.get("staleness_counts").elements.asScala.map(_.asLong).sum > 0))
    assert(Engine.live() == 0)
  }

  test("an interrupted simulated run ends within a minibatch, and leaves nothing behind") {
    val endless = matrix("'strategy': [{'name': 'two', 'set': {'workers': 2}}]", simulated, samples = 100000000)
    val out = fresh()
    val end = Promise[Unit]()
    val thread = new Thread(() => end.complete(Try(run(endless, out): Unit)))
    thread.start()
    eventually(assert(Engine.live() > 0 && sc.statusTracker.getActiveStageIds().nonEmpty)) // its task trains
    thread.interrupt()
    val e = intercept[FiresteelException](Await.result(end.future, 1.minute))
    assert(e.kind == Kind.CANCELLED, e)
    eventually(assert(Engine.live() == 0))
    assert(lines(out).isEmpty)
  }

  test("a number of the simulated cluster may be an axis, and another one is another run") {
    val out = fresh()
    val axes = "'strategy': [{'name': 'two', 'set': {'workers': 2}}], 'bandwidth': [1e6, 1e9]"
    assert(run(matrix(axes, simulated), out)._2.size == 2 && run(matrix(axes, simulated), out)._2.isEmpty)
    val seconds = lines(out).map(_.get("seconds").asDouble)
    assert(seconds.head > 2 * seconds(1), seconds)
    val faster = simulated.replace("0.5", "0.25")
    assert(run(matrix(axes, faster), out)._2.size == 2)
  }

  test("what cannot be simulated is refused with its run before any begins") {
    for (
      (set, expected) <- Seq(
        "'strategy': 'hogwild'" -> "strategy hogwild is threads of one worker",
        "'workers': 2, 'delay': 1" -> "delay needs an asynchronous strategy",
        "'workers': 2, 'jitter': -1" -> "jitter must be at least 0",
        "'workers': 2, 'latency': 'far'" -> "latency: "
      )
    ) {
      val out = fresh()
      val all = matrix(s"'strategy': [{'name': 'x', 'set': {$set}}]", simulated)
      val e = intercept[FiresteelException](run(all, out))
      assert(e.kind == Kind.CONFIG && e.getMessage.startsWith("m.json: run strategy x"), e.getMessage)
      assert(FiresteelException.unwrap(e).getMessage.contains(expected) || e.getCause.getMessage.contains(expected), e)
    }
  }

  test("the keys of a cluster are those of the simulation, and no settings") {
    assert(Json.mapper.readTree(Simulation.defaults()).fieldNames.asScala.toSeq == SimulatedTraining.Keys)
    assert(SimulatedTraining.Keys.intersect(Schema.settings.map(_.key)).isEmpty)
  }

  test("a budget of seconds ends each run after them") {
    val out = fresh()
    val endless = matrix("'strategy': ['sequential']").copy(budget = Budget.Seconds(0.5))
    run(endless, out)
    assert(lines(out).size == 1)
    val line = lines(out).head
    assert(line.get("seconds").asDouble >= 0.5 && line.get("samples").asLong < 5000L * 10)
  }
}
