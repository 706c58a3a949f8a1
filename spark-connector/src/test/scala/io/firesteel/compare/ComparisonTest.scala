// Comparisons on two task slots: what they leave behind, what they run again, and what they refuse.
package io.firesteel.compare

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{FiresteelException, Json, TestSpark}
import io.firesteel.jni.{Engine, Kind}
import java.nio.file.{Files, Path}
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._
import scala.util.Using

class ComparisonTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private val data = TestSpark.fixture("cifar10-tiny")

  private def matrix(axes: String, more: String = ""): Matrix = {
    val base = s"'data': '$data', 'batch': 10, 'tau': 2, 'lr': 0.001, 'lr-policy': 'fixed'"
    val json = s"{'name': 'test', 'base': {$base}, 'axes': {$axes}, 'budget': {'samples': 80}, 'evaluations': 2$more}"
    MatrixFile.parse(json.replace('\'', '"'), "m.json", Path.of(_))
  }

  private val strategies = "'strategy': ['sequential', {'name': 'two', 'set': {'workers': 2}}], 'seed': [0, 1]"

  private class Ran extends ComparisonListener {
    @volatile var names = Seq.empty[String]
    override def began(cell: PlannedCell): Unit = names :+= cell.cell.name
  }

  private def run(matrix: Matrix, out: Path, parallel: Option[Int] = Some(1)): (Int, Seq[String]) = {
    val ran = new Ran
    val failed = Using.resource(Comparison.claim(out.toString, sc.hadoopConfiguration, matrix)) { directory =>
      Comparison.run(sc, matrix, directory, parallel, listener = ran)
    }
    (failed, ran.names)
  }

  private def lines(out: Path): Seq[JsonNode] =
    Files.readAllLines(out.resolve(Comparison.Results)).asScala.toSeq.map(Json.mapper.readTree(_))

  private def fresh(): Path = Files.createTempDirectory("compare").resolve("out")

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

  test("a budget of seconds ends each run after them") {
    val out = fresh()
    val endless = matrix("'strategy': ['sequential']").copy(budget = Budget.Seconds(0.5))
    run(endless, out)
    assert(lines(out).size == 1)
    val line = lines(out).head
    assert(line.get("seconds").asDouble >= 0.5 && line.get("samples").asLong < 5000L * 10)
  }
}
