// Why an executor ended, if Spark's reason tells, and what to change. Spark reports an exit status. Before it, a full
// heap shows as the OutOfMemoryError of a task, followed by failures of the tasks that the ending executor rejects.
package io.firesteel.train.faults

import io.firesteel.{FiresteelException, MemoryNeeds}
import io.firesteel.jni.Kind
import java.util.concurrent.RejectedExecutionException
import org.apache.spark.{ExceptionFailure, ExecutorLostFailure, SparkConf, TaskFailedReason}

/** @param overhead bytes that the workers of an executor take beside its heap, if that was estimated */
private[train] final class ExecutorDeath(conf: SparkConf, overhead: Option[Long]) {
  private val heap = MemoryNeeds.text(conf.getSizeAsBytes("spark.executor.memory", "1g"))

  /** The failure of the run, if a task failed for a reason that another attempt would meet again. */
  def of(executor: String, reason: TaskFailedReason): Option[FiresteelException] = reason match {
    case failure: ExceptionFailure if isOutOfMemory(failure) => Some(fullHeap(executor, failure.description))
    case failure: ExceptionFailure                           => failure.exception.flatMap(outOfNativeMemory)
    case _                                                   => None
  }

  /** The same for an executor process that ended, from Spark's reason. */
  def of(executor: String, end: String): Option[FiresteelException] =
    Option.when(ExecutorDeath.HeapExit.findFirstIn(end).nonEmpty)(fullHeap(executor, "Java heap space"))

  /** What to change, if a memory limit may have ended the process. */
  def remedy(end: String): Option[String] =
    Option.when(ExecutorDeath.Killed.findFirstIn(end).nonEmpty) {
      val size = overhead.fold("higher")(bytes => s"to at least ${(bytes >> 20) + 1}m")
      s"if the memory limit of its container or machine ended it, set spark.executor.memoryOverhead $size"
    }

  /** The failure of a run that lost `losses` executors in one job, the last for the reason `end`. */
  def tooOften(end: String, losses: Int): Option[FiresteelException] =
    remedy(end).map(what =>
      new FiresteelException(Kind.MEMORY, s"$losses executors were lost in one job, the last: $end: $what")
    )

  private def isOutOfMemory(failure: ExceptionFailure): Boolean =
    (failure.className +: failure.exception.toSeq.flatMap(causes).map(_.getClass.getName))
      .contains(classOf[OutOfMemoryError].getName)

  /** The failure of a worker without enough native memory, which another attempt would not have either. */
  private def outOfNativeMemory(error: Throwable): Option[FiresteelException] =
    Some(FiresteelException.unwrap(error)).collect { case e: FiresteelException if e.kind == Kind.MEMORY => e }

  private def causes(error: Throwable): Iterator[Throwable] =
    Iterator.iterate(error)(_.getCause).takeWhile(_ != null).take(16) // 16: a cycle of causes must end too

  private def fullHeap(executor: String, what: String): FiresteelException = {
    val remedy =
      if (ExecutorDeath.OfTheHeap.findFirstIn(what).nonEmpty) s"its heap of $heap is full: raise --executor-memory"
      else s"the JVM is out of memory ($what)"
    new FiresteelException(Kind.MEMORY, s"executor $executor: $remedy")
  }
}

private[train] object ExecutorDeath {
  private val HeapExit = "code 52\\b".r // Spark's own number for an OutOfMemoryError that no task caught
  private val Killed = "(?i)\\b137\\b|oomkilled|killed by yarn|memory limit".r // 128 + SIGKILL
  private val OfTheHeap = "(?i)heap space|gc overhead".r

  /** Whether a task failed only because its executor ended, which is reported by itself: the task was running in it, or
    * was rejected while it shut down.
    */
  def isAftermath(reason: TaskFailedReason): Boolean = reason match {
    case _: ExecutorLostFailure    => true
    case failure: ExceptionFailure => failure.className == classOf[RejectedExecutionException].getName
    case _                         => false
  }
}
