// Tells the listener what Spark lost while a run went on, and what becomes of it.
package io.firesteel.train

import java.util.concurrent.ConcurrentHashMap
import org.apache.spark.scheduler.{
  SparkListener,
  SparkListenerExecutorRemoved,
  SparkListenerStageSubmitted,
  SparkListenerTaskEnd
}
import org.apache.spark.{SparkContext, TaskFailedReason, TaskKilled}

/** Listens from construction to close; `run` and the runs below it are ours. */
private[train] final class FaultWatch(sc: SparkContext, run: String, progress: Progress)
    extends SparkListener
    with AutoCloseable {
  private val stages = ConcurrentHashMap.newKeySet[Int]()

  sc.addSparkListener(this)

  override def onStageSubmitted(event: SparkListenerStageSubmitted): Unit = {
    val of = Option(event.properties).flatMap(properties => Option(properties.getProperty(FaultWatch.RunProperty)))
    if (of.exists(name => name == run || name.startsWith(s"$run/"))) stages.add(event.stageInfo.stageId)
  }

  override def onTaskEnd(event: SparkListenerTaskEnd): Unit = event.reason match {
    case _: TaskKilled                                              => // somebody ended it; nothing was lost
    case reason: TaskFailedReason if stages.contains(event.stageId) =>
      val (task, attempt) = (event.taskInfo.index, event.taskInfo.attemptNumber)
      val why = reason.toErrorString.linesIterator.next()
      progress.fault(
        s"attempt $attempt of partition $task in stage ${event.stageId} failed: $why",
        "Spark runs it again"
      )
    case _ =>
  }

  override def onExecutorRemoved(event: SparkListenerExecutorRemoved): Unit = progress.fault(
    s"executor ${event.executorId} was lost: ${event.reason.linesIterator.nextOption().getOrElse("no reason given")}",
    "its workers are built again from their partitions"
  )

  def close(): Unit = sc.removeSparkListener(this)
}

private[train] object FaultWatch {

  /** The local property that marks jobs of a run. */
  val RunProperty = "firesteel.run"
}
