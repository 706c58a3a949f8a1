// Observes a run for a test: its name, and the tasks that train.
package io.firesteel.train

import io.firesteel.jni.Engine
import io.firesteel.train.faults.FaultWatch
import java.util.concurrent.{ConcurrentHashMap, CountDownLatch}
import org.apache.spark.SparkContext
import org.apache.spark.firesteel.Listeners
import org.apache.spark.scheduler.{SparkListener, SparkListenerStageSubmitted, SparkListenerTaskStart}

/** Listens until closed; `onTraining` is called when a task that trains starts. */
final class RunWatch(sc: SparkContext, onTraining: SparkListenerTaskStart => Unit = _ => ())
    extends SparkListener
    with AutoCloseable {
  private val training = ConcurrentHashMap.newKeySet[Int]()
  private val seen = new CountDownLatch(1)
  @volatile private var run = ""

  sc.addSparkListener(this)

  /** Stages in which workers trained so far, or are about to. */
  def stages: Int = {
    Listeners.drain(sc)
    training.size
  }

  /** Makes this process forget the run's workers, as a new executor would. Waits for Spark to tell the run's name. */
  def forgetWorkers(): Unit = {
    seen.await()
    Engine.endRun(run)
  }

  override def onStageSubmitted(event: SparkListenerStageSubmitted): Unit = {
    def property(name: String) = Option(event.properties.getProperty(name)).getOrElse("")
    if (property("spark.job.description").matches("firesteel: \\S+ (round|stage) .*"))
      training.add(event.stageInfo.stageId)
    property(FaultWatch.RunProperty).split('/').headOption.filter(_.nonEmpty).foreach { name =>
      run = name
      seen.countDown()
    }
  }

  override def onTaskStart(event: SparkListenerTaskStart): Unit =
    if (training.contains(event.stageId)) onTraining(event)

  def close(): Unit = sc.removeSparkListener(this)
}
