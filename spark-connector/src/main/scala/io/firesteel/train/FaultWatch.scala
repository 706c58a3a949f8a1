// What Spark loses while a run goes on: tells of it, and asks a job again whose executor went away under it.
// Spark never thinks again about where submitted tasks want to run, so those of a dead executor would wait out
// spark.locality.wait; a new job goes to executors that live. It costs what was done since the last exchange.
package io.firesteel.train

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.TimeUnit.{NANOSECONDS, SECONDS}
import org.apache.spark.scheduler._
import org.apache.spark.{SparkContext, SparkException, TaskFailedReason, TaskKilled}
import scala.annotation.tailrec

/** Listens from construction to close; `run` and the runs below it are ours.
  *
  * @param report told what was lost and what is done about it, on Spark's thread
  * @param redone what becomes of the job whose executor was lost, for people
  */
private[train] final class FaultWatch(
    sc: SparkContext,
    run: String,
    report: (String, String) => Unit,
    redone: String = FaultWatch.RoundAgain
) extends SparkListener
    with AutoCloseable {
  private val tag = s"firesteel-$run"
  private val stages = ConcurrentHashMap.newKeySet[Int]()
  private val crew = ConcurrentHashMap.newKeySet[String]() // executors that were given tasks of ours
  private var lost = 0 // executors of the crew since construction; guarded by this
  private var missing = 0 // those not replaced since the job under way began; guarded by this

  sc.addSparkListener(this)

  /** Runs `job`, one Spark job that may be done again, until no executor was lost under it. */
  def repeating[A](job: => A): A = {
    sc.addJobTag(tag)
    try repeated(job, FaultWatch.MostLosses)
    finally sc.removeJobTag(tag)
  }

  @tailrec private def repeated[A](job: => A, left: Int): A = {
    val before = synchronized {
      missing = 0
      lost
    }
    attempt(job) match {
      case Right(result)                                      => result
      case Left(_) if left > 0 && synchronized(lost) > before =>
        awaitReplacements()
        repeated(job, left - 1)
      case Left(e) => throw e
    }
  }

  /** A failure that Spark made is held; one with a cause of ours is nobody's loss. */
  private def attempt[A](job: => A): Either[SparkException, A] =
    try Right(job)
    catch { case e: SparkException if !FiresteelException.unwrap(e).isInstanceOf[FiresteelException] => Left(e) }

  /** Else all that was lost would settle on the executors that are left, and stay there for the rest of the run. */
  private def awaitReplacements(): Unit = synchronized {
    val deadline = System.nanoTime() + SECONDS.toNanos(FaultWatch.ReplacementSeconds)
    while (missing > 0 && deadline - System.nanoTime() > 0)
      NANOSECONDS.timedWait(this, deadline - System.nanoTime())
  }

  override def onStageSubmitted(event: SparkListenerStageSubmitted): Unit = {
    val of = Option(event.properties).flatMap(properties => Option(properties.getProperty(FaultWatch.RunProperty)))
    if (of.exists(name => name == run || name.startsWith(s"$run/"))) stages.add(event.stageInfo.stageId)
  }

  override def onTaskStart(event: SparkListenerTaskStart): Unit =
    if (stages.contains(event.stageId)) crew.add(event.taskInfo.executorId)

  override def onTaskEnd(event: SparkListenerTaskEnd): Unit = event.reason match {
    case _: TaskKilled                                              => // somebody ended it; nothing was lost
    case reason: TaskFailedReason if stages.contains(event.stageId) =>
      val (task, attempt) = (event.taskInfo.index, event.taskInfo.attemptNumber)
      val why = reason.toErrorString.linesIterator.next()
      report(s"attempt $attempt of partition $task in stage ${event.stageId} failed: $why", "Spark runs it again")
    case _ =>
  }

  override def onExecutorAdded(event: SparkListenerExecutorAdded): Unit = synchronized {
    missing -= 1
    notifyAll()
  }

  override def onExecutorRemoved(event: SparkListenerExecutorRemoved): Unit = if (crew.remove(event.executorId)) {
    val why = event.reason.linesIterator.nextOption().getOrElse("no reason given")
    report(
      s"executor ${event.executorId} was lost: $why",
      s"its workers are built again from their partitions, and $redone"
    )
    synchronized {
      lost += 1
      missing += 1
    }
    cancel()
  }

  /** Ends the Spark job under way in `repeating`, which asks for it again only where an executor was lost as well. */
  def cancel(): Unit = if (!sc.isStopped) sc.cancelJobsWithTag(tag)

  def close(): Unit = sc.removeSparkListener(this)
}

private[train] object FaultWatch {

  /** The local property that marks jobs of a run. */
  val RunProperty = "firesteel.run"

  /** What becomes of a job that is one round, and of one that is a whole stage. */
  val RoundAgain = "the round is done again"
  val StageAgain = "all go on from the center with what is left of the budget"

  private val MostLosses = 8 // in one job; a cluster that loses more will not finish a round
  private val ReplacementSeconds = 10L // a standalone cluster starts an executor in 2 to 5
}
