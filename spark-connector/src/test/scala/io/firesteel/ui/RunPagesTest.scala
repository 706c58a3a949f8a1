// The tab in the web UI of a running application and in a History Server, read over HTTP.
package io.firesteel.ui

import io.firesteel._
import io.firesteel.train.Runs
import java.nio.file.{Files, Path, StandardOpenOption}
import org.apache.spark.SparkContext
import org.apache.spark.deploy.history.firesteel.History
import org.apache.spark.firesteel.Listeners
import org.scalatest.concurrent.Eventually.{eventually, PatienceConfig}
import org.scalatest.funsuite.AnyFunSuite
import scala.concurrent.duration._
import scala.jdk.CollectionConverters._

class RunPagesTest extends AnyFunSuite {
  import Browsing._

  private implicit val patience: PatienceConfig = PatienceConfig(timeout = 1.minute, interval = 50.millis)

  private val withTab = Seq(
    "spark.ui.enabled" -> "true",
    "spark.ui.port" -> "0",
    "spark.plugins" -> classOf[FiresteelPlugin].getName
  )

  /** The address of the tab, once all events so far are in it. */
  private def tab(sc: SparkContext): String = {
    Listeners.drain(sc)
    s"${sc.uiWebUrl.get.replaceFirst("//[^:/]*", "//127.0.0.1")}/firesteel/"
  }

  private def run(sc: SparkContext, number: Int): String = page(s"${tab(sc)}run/?id=$number")

  /** Runs `body` with an application whose event log is in the directory that it also gets. */
  private def logged[A](body: (SparkContext, Path) => A): A = TestSpark.directory { logs =>
    val settings = Seq("spark.eventLog.enabled" -> "true", "spark.eventLog.dir" -> logs.toUri.toString)
    val plain = Seq("spark.eventLog.compress" -> "false", "spark.eventLog.rolling.enabled" -> "false")
    TestSpark.using("local[2]", withTab ++ settings ++ plain: _*)(body(_, logs))
  }

  /** The pages of an application in a History Server: the list, and one of a run. */
  private def history[A](logs: Path, application: String)(body: (() => String, Int => String) => A): A =
    TestSpark.directory { store =>
      History.using(logs, store) { server =>
        val tab = s"$server/history/$application/firesteel/"
        // Who asks for an application before the server has read the list of logs makes 4.1 take it for one without a log
        eventually(assert(page(s"$server/api/v1/applications").contains(application)))
        body(() => page(tab), number => page(s"${tab}run/?id=$number"))
      }
    }

  test("a run is shown while it goes on and when it has ended, and by a History Server in the same way") {
    logged { (sc, logs) =>
      var during = Seq.empty[String]
      val look = new TrainListener {
        override def evaluated(e: Evaluated): Unit = during :+= run(sc, 1)
      }
      Runs.train(sc, Runs.small.copy(consistency = Some("rounds"), out = Some("/runs/first")), look)
      Runs.train(sc, Runs.stage)
      assert(during.forall(data(_).get("going").asBoolean) && during.size == 3)
      assert(during.head.contains(">running<") && column(during.head, "rounds", "round") == Seq(1))

      val (list, rounds, stage) = (page(tab(sc)), run(sc, 1), run(sc, 2))
      assert(Seq("/runs/first", "sparknet", "deepspark", "cifar10_quick", ">finished<").forall(list.contains))
      assert(!data(list).get("going").asBoolean && !data(rounds).get("going").asBoolean)
      assert(column(rounds, "rounds", "round") == Seq(1, 2, 3))
      assert(column(rounds, "evaluations", "accuracy").size == 3)
      assert(column(rounds, "rounds", "images").sum == 3 * 12 * 20)
      val settings = rounds.substring(rounds.indexOf("""data-part="settings""""))
      assert(settings.contains(">tau</th><td>5<") && settings.contains(">eval-every<") && !settings.contains(">codec<"))
      assert(column(stage, "exchanges", "exchanges").sum == 12 && stage.contains("Exchanges by staleness"))
      assert(column(stage, "exchanges", "computing").forall(_ > 0))
      assert(Seq("worker 0", "worker 1").forall(data(stage).get("curves").has))

      val application = sc.applicationId
      sc.stop()
      history(logs, application) { (listed, runs) =>
        assert(content(listed()) == content(list))
        assert(content(runs(1)) == content(rounds) && content(runs(2)) == content(stage))
      }
    }
  }

  test("what people have written is text and no part of the page") {
    logged { (sc, logs) =>
      val evil = "</script><script>alert('here')</script>"
      val config = Runs.small.copy(net = s"net$evil", out = Some(s"/runs/$evil"), data = Some(evil))
      intercept[FiresteelException](Runs.train(sc, config))
      val post = new RunPosts(event => Listeners.post(sc, RunEvent(RunEvent.Version, 1, 0, event)))
      post.send(Started(config.copy(net = evil), 1, 1, 10, 1, rounds = 5, how = evil, split = evil))
      post.send(Fault(1, s"executor $evil", evil))
      post.send(WorkersLoaded(Seq(evil)))
      post.send(ExchangeDone(0, 1, 1, 1, 20, 1.0, 1.0, 0, 1, 1, 1))
      post.failed(new IllegalStateException(evil))
      val pages = Seq(page(tab(sc)), run(sc, 1))
      val application = sc.applicationId
      sc.stop()
      history(logs, application) { (list, one) =>
        for (html <- pages ++ Seq(list(), one(1))) {
          assert(!html.contains("<script>alert") && !html.contains("</script><script>alert"))
          assert(html.contains("&lt;script&gt;alert") && data(html).isObject)
        }
      }
    }
  }

  test("a failed run says why, one that is not finished that the application ended") {
    logged { (sc, logs) =>
      val e = intercept[FiresteelException](Runs.train(sc, Runs.small.copy(net = "perceptron")))
      assert(run(sc, 1).contains(">failed<") && run(sc, 1).contains(e.getMessage.replace("\"", "&quot;")))
      val post = new RunPosts(event => Listeners.post(sc, RunEvent(RunEvent.Version, 2, 0, event)))
      post.begins("long", Runs.small)
      post.waiting("4 slots")
      assert(run(sc, 2).contains(">waiting<") && run(sc, 2).contains("4 slots"))
      val application = sc.applicationId
      sc.stop()
      history(logs, application)((list, _) => assert(list().contains(">not finished<") && list().contains(">failed<")))
    }
  }

  test("ten thousand rounds of 64 workers are a page of less than a megabyte, of which every round is a part") {
    TestSpark.using("local[1]", withTab: _*) { sc =>
      val post = new RunPosts(event => Listeners.post(sc, RunEvent(RunEvent.Version, 1, 0, event)))
      val config = Runs.small.copy(workers = Some(64))
      post.send(Started(config, 1000, 100, 10, 1, rounds = 10000))
      for (round <- 1 to 10000) {
        for (worker <- 0 until 64) {
          val steps = 64L * (round - 1) + worker + 1
          post.send(ExchangeDone(worker, round, 1, steps, steps * 20, round * 0.9, 1.0 / round, 0, 0.5, 0.3, 0.2))
        }
        post.send(RoundDone(round, 10000, round, round * 64 * 20L, round * 0.9, 1.0 / round, 1000, 1000))
        post.send(Evaluated(round, round * 64 * 20L, round * 0.9, round, 0.5, 1.0, "test"))
        if (round % 100 == 0) post.send(Fault(round, "x" * 2000, "y" * 2000))
        if (round % 1000 == 0) Listeners.drain(sc) // Spark throws events away when its queue is full
      }
      val html = run(sc, 1)
      assert(html.length < 1000000)
      for (curve <- Seq("rounds", "evaluations", "exchanges", "worker 0", "worker 63")) {
        val rounds = column(html, curve, "round")
        assert(rounds.size <= LiveRun.MostPoints && rounds.size > 4 && rounds == rounds.sorted, curve)
      }
      assert(column(html, "rounds", "round").last == 10000)
      assert(math.abs(column(html, "rounds", "images").sum - 64 * 20 * 10000) < 100)
      assert(html.contains("stands for 16 rounds"))
    }
  }

  test("events of a later version, of an unknown name and without fields are left out, and the page says so") {
    logged { (sc, logs) =>
      Runs.train(sc, Runs.small.copy(iterations = Some(5)))
      val before = run(sc, 1)
      val application = sc.applicationId
      sc.stop()
      val file = Files
        .walk(logs)
        .iterator
        .asScala
        .filter(Files.isRegularFile(_))
        .filterNot(_.toString.endsWith(".crc"))
        .toSeq
        .head
      val name = classOf[RunEvent].getName
      val later = Seq(
        s"""{"Event":"$name","version":7,"run":1,"time":0,"event":["later",{"x":1}],"more":true}""",
        s"""{"Event":"$name","version":1,"run":1,"time":0,"event":{"event":"never heard of"}}""",
        s"""{"Event":"$name"}""",
        """{"Event":"io.firesteel.ui.EventOfTomorrow","version":1}"""
      )
      Files.write(file, later.asJava, StandardOpenOption.APPEND)
      Files.list(logs).iterator.asScala.filter(_.toString.endsWith(".crc")).foreach(Files.delete(_))
      history(logs, application) { (list, one) =>
        val said = "3 events are not shown, because this version of Firesteel does not know their form"
        assert(list().contains(said) && list().contains("version 7") && one(1).contains(said))
        assert(data(one(1)) == data(before))
      }
    }
  }

  test("jobs and stages are called by what they do for the run, and the user's own description comes back") {
    TestSpark.using("local[2]") { sc =>
      val seen = new java.util.concurrent.ConcurrentLinkedQueue[String]
      sc.addSparkListener(new org.apache.spark.scheduler.SparkListener {
        override def onJobStart(e: org.apache.spark.scheduler.SparkListenerJobStart): Unit =
          seen.add(String.valueOf(e.properties.getProperty("spark.job.description")))
      })
      sc.setJobDescription("mine")
      Runs.train(sc, Runs.small.copy(consistency = Some("rounds")))
      Runs.train(sc, Runs.stage)
      assert(sc.getLocalProperty("spark.job.description") == "mine")
      Listeners.drain(sc)
      val names = seen.asScala.toSet
      val rounds = (1 to 3).flatMap(n => Seq(s"sparknet round $n/3", s"evaluation after round $n"))
      val wanted = rounds ++ Seq("divide the rows", "load the rows", "deepspark stage of 60 minibatches")
      assert(wanted.map(what => s"firesteel: $what").toSet.diff(names).isEmpty, names)
      assert(names.forall(_.startsWith("firesteel: ")))
    }
  }

  test("without the plugin a run has its own listener only, and no event is sent") {
    TestSpark.using("local[1]") { sc =>
      RunPosts.around(sc, "run", Runs.small, TrainListener.silent)(listener => assert(listener eq TrainListener.silent))
    }
    TestSpark.using("local[1]", withTab :+ "spark.firesteel.ui.enabled" -> "false": _*) { sc =>
      RunPosts.around(sc, "run", Runs.small, TrainListener.silent)(listener => assert(listener eq TrainListener.silent))
      assert(get(tab(sc))._1 != 200 || !page(tab(sc)).contains("""<div class="firesteel""""))
    }
  }
}
