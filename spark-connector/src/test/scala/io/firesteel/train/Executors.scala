// Executors of a local cluster as tests disturb them. These are no members of a suite, since executors, which run
// closures of them, do not have ScalaTest's classes.
package io.firesteel.train

import io.firesteel.{ExchangeDone, RoundDone, TrainConfig}
import io.firesteel.jni.Engine
import java.util.concurrent.atomic.AtomicBoolean
import org.apache.spark.{SparkContext, SparkEnv}

object Executors {

  /** Lets tasks fail in `executor` until Spark gives it no more tasks. */
  def exclude(sc: SparkContext, executor: String): Unit =
    sc.parallelize(1 to 100, 100).foreach { _ =>
      if (SparkEnv.get.executorId == executor) throw new IllegalStateException("a test")
    }

  /** Kills an executor. */
  def kill(process: Long): Unit = ProcessHandle.of(process).get.destroyForcibly()

  /** The process id of each executor. */
  def processes(sc: SparkContext): Map[String, Long] =
    sc.parallelize(1 to 100, 100)
      .map(_ => SparkEnv.get.executorId -> ProcessHandle.current.pid)
      .collect()
      .toMap

  /** Native objects that are alive in the executors. */
  def live(sc: SparkContext): Long =
    sc.parallelize(1 to 100, 100).map(_ => SparkEnv.get.executorId -> Engine.live()).collect().toMap.values.sum

  /** Trains in rounds, and kills the executor that gets the first task of the third round. */
  def killedInRound(sc: SparkContext, config: TrainConfig): (Events, TrainedModel) = {
    val (running, armed) = (processes(sc), new AtomicBoolean(false))
    val events = new Events {
      override def round(e: RoundDone): Unit = {
        super.round(e)
        if (e.round == 2) armed.set(true)
      }
    }
    val watch = new RunWatch(sc, task => if (armed.getAndSet(false)) kill(running(task.taskInfo.executorId)))
    try (events, Runs.train(sc, config, events))
    finally watch.close()
  }

  /** Trains in one stage, and kills one of the executors after worker 1's tenth exchange. */
  def killedInStage(sc: SparkContext, config: TrainConfig): (Events, TrainedModel) = {
    val (running, armed) = (processes(sc), new AtomicBoolean(true))
    val events = new Events {
      override def exchange(e: ExchangeDone): Unit = {
        super.exchange(e)
        // a run that goes back to an earlier center reports the exchange a second time
        if (e.worker == 1 && e.exchange == 10 && armed.getAndSet(false)) kill(running.values.head)
      }
    }
    (events, Runs.train(sc, config, events))
  }
}
