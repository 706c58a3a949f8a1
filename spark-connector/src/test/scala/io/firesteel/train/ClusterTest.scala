// Executors in processes of their own. The bits do not depend on where tasks run, even if an executor is killed during
// a round; inside one stage, the whole budget is spent.
package io.firesteel.train

import io.firesteel.{
  Ended,
  Evaluated,
  ExchangeDone,
  Fault,
  FiresteelException,
  RoundDone,
  Started,
  TestSpark,
  TrainConfig
}
import io.firesteel.TrainListener
import io.firesteel.data.{DriverDisk, ImageFiles}
import io.firesteel.jni.Kind
import io.firesteel.train.faults.FaultWatch
import org.apache.spark.firesteel.{Decommission, TaskSlots}
import org.apache.spark.SparkContext
import org.scalatest.concurrent.Eventually
import org.scalatest.funsuite.AnyFunSuite
import org.scalatest.time.SpanSugar._
import scala.collection.concurrent.TrieMap

class ClusterTest extends AnyFunSuite with Eventually {
  private val states = Seq("average", "reset")

  // each of the two solver states with another precision
  private def config(state: String) = Runs.small.copy(
    solverState = state,
    workers = Some(4),
    iterations = Some(20),
    precision = if (state == "average") "f32" else "bf16"
  )

  private def weights(sc: SparkContext, state: String, listener: TrainListener = TrainListener.silent): Seq[Int] =
    Runs.bits(Runs.train(sc, config(state), listener).weights)

  test("the bits do not depend on where tasks run, nor on an executor killed in the middle of a round") {
    val one = TestSpark.using("local[1]")(sc => states.map(weights(sc, _)))
    val four = TestSpark.using("local[4]")(sc => states.map(weights(sc, _)))
    assert(one == four)
    TestSpark.usingCluster { sc =>
      assert(states.map(weights(sc, _)) == one)
      for ((state, expected) <- states.zip(one)) {
        val (events, killed) = Executors.killedInRound(sc, config(state))
        assert(Runs.bits(killed.weights) == expected, state)
        assert(events.of[Fault].exists(_.what.startsWith("executor")), events.of[Fault])
      }
    }
  }

  test(
    "data that the driver sees and an executor does not end the run at once, with the file, the executor and the remedy"
  ) {
    TestSpark.usingCluster("spark.hadoop.fs.driver.impl" -> classOf[DriverDisk].getName) { sc =>
      for (name <- Seq("cifar10-tiny", "idx-tiny")) {
        val events = new Events
        val images = ImageFiles.open(sc, s"driver://${TestSpark.fixture(name)}", None)
        val e = intercept[FiresteelException] {
          Training.train(sc, images.train, images.test, Runs.small.copy(iterations = Some(1)), events, None)
        }
        assert(e.kind == Kind.CONFIG)
        assert(
          e.getMessage.matches(
            s"read driver:/\\S+/$name/\\S+ in executor [01] on host \\S+: the driver sees it and that machine does not: .*"
          ),
          e.getMessage
        )
        assert(events.of[Fault].isEmpty, "what every attempt ends in is told once")
      }
    }
  }

  test("an executor killed in the middle of a stage costs no minibatch of the budget, a host of the center neither") {
    TestSpark.usingCluster { sc =>
      val asked = Runs.stage.copy(iterations = Some(400))
      for (config <- Seq(asked, asked.copy(strategy = "easgd"), asked.copy(exchangers = 2))) {
        val (events, _) = Executors.killedInStage(sc, config)
        val exchanges = events.of[ExchangeDone]
        assert(exchanges.map(_.steps).sum == 800 && exchanges.last.totalSteps == 800, config)
        assert(events.of[Fault].exists(_.action.endsWith(FaultWatch.Stage.description)), events.of[Fault])
        assert(events.of[Fault].exists(_.action.startsWith("built again in executor")), events.of[Fault])
        assert(events.of[Ended].head.accuracy.exists(_ > 0.2))
      }
    }
  }

  test("workers leave an executor that is lost, decommissioned or excluded, and use its replacement") {
    val once = Seq("task.maxTaskAttempts", "stage.maxFailedTasks", "application.maxFailedTasks")
    val settings = Seq("spark.decommission.enabled" -> "true", "spark.excludeOnFailure.enabled" -> "true") ++
      once.map(limit => s"spark.excludeOnFailure.${limit}PerExecutor" -> "1")
    TestSpark.usingCluster(settings: _*) { sc =>
      val two = config("reset").copy(workers = Some(2), consistency = Some("rounds"))
      val expected = Runs.bits(Runs.train(sc, two).weights)
      val ways = Seq[(String => Unit, Int)](
        (executor => Executors.kill(Executors.processes(sc)(executor)), 2),
        (executor => assert(Decommission.begin(sc, executor)), 2),
        (executor => Executors.exclude(sc, executor), 1) // has no replacement
      )
      for ((leave, after) <- ways) {
        val victim = able(sc).head
        val events = new Events {
          override def round(e: RoundDone): Unit = {
            super.round(e)
            if (e.round == 1) leave(victim)
            if (e.round == 2) eventually(timeout(2.minutes))(assert(!able(sc)(victim) && able(sc).size == after))
          }
        }
        val seen = TrieMap.empty[Int, Set[String]] // executors of each stage that trained
        val watch = new RunWatch(
          sc,
          task => seen(task.stageId) = seen.getOrElse(task.stageId, Set.empty) + task.taskInfo.executorId
        )
        try assert(Runs.bits(Runs.train(sc, two, events).weights) == expected)
        finally watch.close()
        val lastTwo = seen.toSeq.sortBy(_._1).takeRight(2).map(_._2)
        assert(lastTwo.forall(executors => executors.size == after && !executors(victim)), events.of[Fault])
        assert(events.of[Fault].exists(_.what.contains(s"executor $victim")), events.of[Fault])
      }
    }
  }

  test("sparknet chooses one stage over executors that reach the driver, and trains the same model as in rounds") {
    val two = Runs.small.copy(workers = Some(2))
    def told(events: Events) = events.of[Evaluated].map(e => (e.round, e.samples, e.accuracy, e.loss))
    val (rounds, chosen) = (new Events, new Events)
    val expected =
      TestSpark.using("local[1]")(sc =>
        Runs.bits(Runs.train(sc, two.copy(consistency = Some("rounds")), rounds).weights)
      )
    TestSpark.usingCluster { sc =>
      assert(Runs.bits(Runs.train(sc, two, chosen).weights) == expected)
      assert(chosen.of[Started].head.how == "in one stage" && told(chosen) == told(rounds))
      assert(how(sc, two.copy(workers = Some(3))) == "in rounds (2 slots for 3 workers)")
    }
  }

  private def how(sc: SparkContext, config: TrainConfig): String = {
    val events = new Events
    Runs.train(sc, config, events)
    events.of[Started].head.how
  }

  test("workers that pause in one stage go on without an executor that went, and with the one that came for it") {
    TestSpark.usingCluster("spark.decommission.enabled" -> "true") { sc =>
      val two = config("reset").copy(workers = Some(2), consistency = Some("bsp"))
      val expected = Runs.bits(Runs.train(sc, two).weights)
      val ways = Seq[String => Unit](
        executor => Executors.kill(Executors.processes(sc)(executor)),
        executor => assert(Decommission.begin(sc, executor))
      )
      for (leave <- ways) {
        val victim = able(sc).head
        val events = new Events {
          override def evaluated(e: Evaluated): Unit = {
            super.evaluated(e)
            if (e.round == 1) {
              leave(victim)
              eventually(timeout(2.minutes))(assert(!able(sc)(victim) && able(sc).size == 2))
            }
          }
        }
        val seen = TrieMap.empty[Int, Set[String]] // executors of each stage that trained
        val watch = new RunWatch(
          sc,
          task => seen(task.stageId) = seen.getOrElse(task.stageId, Set.empty) + task.taskInfo.executorId
        )
        try assert(Runs.bits(Runs.train(sc, two, events).weights) == expected)
        finally watch.close()
        assert(seen.maxBy(_._1)._2.size == 2 && !seen.maxBy(_._1)._2(victim), events.of[Fault])
        assert(events.of[Fault].exists(_.what.contains(s"executor $victim")), events.of[Fault])
      }
    }
  }

  /** Executors that Spark would give a task. */
  private def able(sc: SparkContext): Set[String] = TaskSlots.executors(sc).map(_.id).toSet
}
