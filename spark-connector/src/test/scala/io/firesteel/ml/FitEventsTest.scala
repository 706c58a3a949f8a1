// What others than the caller of `fit` see of it: its events while it goes on, and its model on the disk of a Connect server.
package io.firesteel.ml

import io.firesteel.jni.Kind
import java.nio.file.Files
import io.firesteel.{EndReason, FiresteelException, Json, TestSpark}
import org.apache.spark.ml.firesteel.LocalFiles
import org.apache.spark.sql.DataFrame
import org.scalatest.concurrent.Eventually.{eventually, PatienceConfig}
import scala.concurrent.duration._
import scala.concurrent.{Await, Future}

class FitEventsTest extends SparkSuite {
  import scala.concurrent.ExecutionContext.Implicits.global

  private implicit val patience: PatienceConfig = PatienceConfig(timeout = 1.minute, interval = 50.millis)

  private def events(of: FitEvents): Seq[(Int, String)] = {
    val rows: DataFrame = of.transform(spark.range(0).toDF())
    rows.collect().toSeq.map(row => row.getInt(0) -> Json.mapper.readTree(row.getString(1)).get("event").asText)
  }

  test("the events of a fit are told by its name, all or the later ones; of no other fit there are any") {
    val model = small.setFitId("mine").fit(cifar())
    val all = events(new FitEvents().setFit("mine"))
    assert(all.map(_._1) == all.indices && all.head._2 == "start" && all.last._2 == "end")
    assert(all.count(_._2 == "round") == model.summary.totalIterations)
    assert(events(new FitEvents().setFit("mine").setSince(2)) == all.drop(2))
    assert(events(new FitEvents().setFit(model.uid)).isEmpty)
  }

  test("a fit that goes on is seen, and ended by its name") {
    val endless = small.setFitId("long").setIterations(10000000)
    val fit = Future(endless.fit(cifar()))
    eventually(assert(events(new FitEvents().setFit("long")).exists(_._2 == "round")))
    events(new FitEvents().setFit("long").setStop(true))
    assert(Await.result(fit, 1.minute).summary.endReason == EndReason.Stopped.name)
  }

  test("a comparison that goes on is ended by its uid, and its thread can be used again") {
    val data = TestSpark.fixture("cifar10-tiny")
    val matrix = s"""{"base":{"data":"$data","strategy":"sequential","batch":20,"lr":0.0001,"lr-policy":"fixed"},
                    |"axes":{"seed":[0]},"budget":{"iterations":10000000}}""".stripMargin
    TestSpark.directory { directory =>
      val none = spark.range(0).toDF()
      val stage = new MatrixComparison().setMatrix(matrix).setOut(directory.resolve("out").toString)
      val run = Future {
        val e = intercept[FiresteelException](stage.transform(none))
        e.kind -> Thread.currentThread.isInterrupted
      }
      eventually(assert(Files.exists(directory.resolve("out/report.html")))) // all is checked, and the run begins
      new MatrixComparison(stage.uid).setStop(true).transform(none)
      assert(Await.result(run, 1.minute) == Kind.CANCELLED -> false)
    }
  }

  test("of many events the latest are kept, and of many fits the latest") {
    val log = FitLog.begin("many")
    for (round <- 0 until 30000) log.event(io.firesteel.Fault(round, "executor 1", "none"))
    val kept = log.since(0)
    assert(kept.size == 20000 && kept.last._1 == 29999 && kept.head._1 == 10000)
    for (number <- 0 until 16) FitLog.begin(s"fit $number")
    assert(FitLog.of("many").isEmpty && FitLog.of("fit 0").nonEmpty)
  }

  test("a model and its summary come back from the local disk of a server, whatever the default file system is") {
    val (model, images) = (small.fit(cifar()), cifar())
    TestSpark.directory { directory =>
      val conf = spark.sparkContext.hadoopConfiguration
      val before = conf.get("fs.defaultFS")
      conf.set("fs.defaultFS", "hdfs://no.such.host:1")
      val again =
        try {
          LocalFiles.save(model, directory.resolve("model").toString)
          LocalFiles.saveSummary(model, directory.resolve("parts/summary").toString)
          LocalFiles.load(CnnClassificationModel, directory.resolve("model").toString)
        } finally conf.set("fs.defaultFS", before)
      LocalFiles.loadSummary(again, directory.resolve("parts/summary").toString, images)
      assert(again.uid == model.uid && again.summary.objectiveHistory.toSeq == model.summary.objectiveHistory.toSeq)
      assert(again.summary.accuracy == model.summary.accuracy && LocalFiles.size(again) == 145578L * 4)
    }
  }
}
