// The loss of executors that host parts of the center. With a synchronous strategy all parts go back to the last copy,
// including the momentum of the outer optimiser.
package io.firesteel.train.stage

import io.firesteel.{Ended, ExchangeDone, Fault, TestSpark}
import io.firesteel.train.{Executors, Runs}
import org.scalatest.funsuite.AnyFunSuite

class CenterHostsTest extends AnyFunSuite {
  private val hosted =
    Runs.stage.copy(strategy = "sparknet", exchangers = 2, iterations = Some(200), solverState = "reset")

  test("losing the host of a part changes no bit of a synchronous run, with or without an outer optimiser") {
    TestSpark.usingCluster { sc =>
      for (outer <- Seq("none", "nesterov")) {
        val config = hosted.copy(outer = outer, consistency = Some("bsp"), shards = 3)
        val undisturbed = Runs.train(sc, config)
        val (events, killed) = Executors.killedInStage(sc, config)
        assert(events.of[Fault].exists(_.what.startsWith("executor")), events.of[Fault])
        assert(events.of[ExchangeDone].last.totalSteps == 400)
        assert(Runs.bits(killed.weights) == Runs.bits(undisturbed.weights), outer)
      }
    }
  }

  test("losing the host of a part costs elastic averaging no minibatch of the budget") {
    TestSpark.usingCluster { sc =>
      val (events, _) = Executors.killedInStage(sc, hosted.copy(strategy = "easgd", solverState = "local"))
      assert(events.of[ExchangeDone].last.totalSteps == 400)
      assert(events.of[Ended].head.accuracy.exists(_ > 0.2))
    }
  }
}
