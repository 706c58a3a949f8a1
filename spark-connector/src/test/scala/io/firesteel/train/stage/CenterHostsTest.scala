// Executors that host parts of the center, and are lost: a synchronous strategy goes back to one moment as a whole, its
// outer optimiser's memory too.
package io.firesteel.train.stage

import io.firesteel.{Ended, ExchangeDone, Fault, TestSpark, TrainConfig}
import io.firesteel.train.{Events, Executors, Runs, TrainedModel}
import java.util.concurrent.atomic.AtomicBoolean
import org.apache.spark.SparkContext
import org.scalatest.funsuite.AnyFunSuite

class CenterHostsTest extends AnyFunSuite {
  private val hosted =
    Runs.stage.copy(strategy = "sparknet", exchangers = 2, iterations = Some(200), solverState = "reset")

  /** Trains, and kills an executor, which hosts a part and trains a worker, after worker 1's tenth exchange. */
  private def killing(sc: SparkContext, config: TrainConfig): (Events, TrainedModel) = {
    val processes = Executors.processes(sc)
    val armed = new AtomicBoolean(true)
    val events = new Events {
      override def exchange(e: ExchangeDone): Unit = {
        super.exchange(e)
        val first = e.worker == 1 && e.exchange == 10 && armed.getAndSet(false) // it may be told again after going back
        if (first) Executors.kill(processes.values.head)
      }
    }
    (events, Runs.train(sc, config, events))
  }

  test("a lost host of a part changes no bit of a synchronous run, with an outer optimiser's momentum neither") {
    TestSpark.usingCluster { sc =>
      for (outer <- Seq("none", "nesterov")) {
        val config = hosted.copy(outer = outer, consistency = Some("bsp"), shards = 3)
        val undisturbed = Runs.train(sc, config)
        val (events, killed) = killing(sc, config)
        assert(events.of[Fault].exists(_.what.startsWith("executor")), events.of[Fault])
        assert(events.of[ExchangeDone].last.totalSteps == 400)
        assert(Runs.bits(killed.weights) == Runs.bits(undisturbed.weights), outer)
      }
    }
  }

  test("a lost host of a part costs elastic averaging no minibatch of the budget") {
    TestSpark.usingCluster { sc =>
      val (events, _) = killing(sc, hosted.copy(strategy = "easgd", solverState = "local"))
      assert(events.of[ExchangeDone].last.totalSteps == 400)
      assert(events.of[Ended].head.accuracy.exists(_ > 0.2))
    }
  }
}
