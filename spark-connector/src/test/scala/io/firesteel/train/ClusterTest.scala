// Law 5 on executors in processes of their own: the same bits wherever tasks ran, also when an executor is killed in
// the middle of a round.
package io.firesteel.train

import io.firesteel.TestSpark
import java.util.concurrent.atomic.AtomicBoolean
import org.apache.spark.{SparkContext, SparkEnv}
import org.scalatest.funsuite.AnyFunSuite

class ClusterTest extends AnyFunSuite {
  private val states = Seq("average", "reset")

  private def config(state: String) = Runs.small.copy(solverState = state, workers = Some(4), iterations = Some(20))

  private def weights(sc: SparkContext, state: String, listener: TrainListener = TrainListener.silent): Seq[Int] =
    Runs.bits(Runs.train(sc, config(state), listener).weights)

  test("the bits do not depend on where tasks run, nor on an executor killed in the middle of a round") {
    val one = TestSpark.using("local[1]")(sc => states.map(weights(sc, _)))
    val four = TestSpark.using("local[4]")(sc => states.map(weights(sc, _)))
    assert(one == four)
    TestSpark.usingCluster { sc =>
      assert(states.map(weights(sc, _)) == one)
      for ((state, expected) <- states.zip(one)) {
        val (events, killed) = killing(sc, state)
        assert(killed == expected, state)
        assert(events.of[Fault].exists(_.what.startsWith("executor")), events.of[Fault])
      }
    }
  }

  /** Kills the executor that gets the first task of the third round, by the process number that it told. */
  private def killing(sc: SparkContext, state: String): (Events, Seq[Int]) = {
    val processes = Executors.processes(sc)
    val armed = new AtomicBoolean(false)
    val events = new Events {
      override def round(e: RoundDone): Unit = {
        super.round(e)
        if (e.round == 2) armed.set(true)
      }
    }
    val watch = new RunWatch(
      sc,
      task => if (armed.getAndSet(false)) ProcessHandle.of(processes(task.taskInfo.executorId)).get.destroyForcibly()
    )
    try (events, weights(sc, state, events))
    finally watch.close()
  }
}

/** Apart from the suite, whose class executors do not have. */
object Executors {

  /** Process numbers by executor, as each tells its own. */
  def processes(sc: SparkContext): Map[String, Long] =
    sc.parallelize(1 to 100, 100)
      .map(_ => SparkEnv.get.executorId -> ProcessHandle.current.pid)
      .collect()
      .toMap
}
