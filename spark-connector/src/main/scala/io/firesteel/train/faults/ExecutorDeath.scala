// What an executor died of, where its end says so, and what to change. Spark tells the end of a process as a number, and
// of a full heap first, then of all that the dying executor refuses.
package io.firesteel.train.faults

import io.firesteel.{FiresteelException, MemoryNeeds}
import io.firesteel.jni.Kind
import java.util.concurrent.RejectedExecutionException
import org.apache.spark.{ExceptionFailure, ExecutorLostFailure, SparkConf, TaskFailedReason}

/** @param overhead bytes that the workers of an executor take beside its heap, where that was worked out */
private[train] final class ExecutorDeath(conf: SparkConf, overhead: Option[Long]) {
  private val heap = MemoryNeeds.text(conf.getSizeAsBytes("spark.executor.memory", "1g"))

  /** The failure of a run one of whose tasks failed like that, where no other attempt could end better. */
  def of(executor: String, reason: TaskFailedReason): Option[FiresteelException] = reason match {
    case failure: ExceptionFailure if isOutOfMemory(failure) => Some(fullHeap(executor, failure.description))
    case _                                                   => None
  }

  /** The same of a process that ended, by what Spark says of its end. */
  def of(executor: String, end: String): Option[FiresteelException] =
    Option.when(ExecutorDeath.HeapExit.findFirstIn(end).nonEmpty)(fullHeap(executor, "Java heap space"))

  /** What to change, where the end may be one that a limit of memory made. */
  def remedy(end: String): Option[String] =
    Option.when(ExecutorDeath.Killed.findFirstIn(end).nonEmpty) {
      val size = overhead.fold("higher")(bytes => s"to at least ${(bytes >> 20) + 1}m")
      s"if the memory limit of its container or machine ended it, set spark.executor.memoryOverhead $size"
    }

  /** The failure of a run that lost executors again and again, the last like that. */
  def tooOften(end: String, losses: Int): Option[FiresteelException] =
    remedy(end).map(what =>
      new FiresteelException(Kind.MEMORY, s"$losses executors were lost in one job, the last: $end: $what")
    )

  private def isOutOfMemory(failure: ExceptionFailure): Boolean =
    (failure.className +: failure.exception.toSeq.flatMap(causes).map(_.getClass.getName))
      .contains(classOf[OutOfMemoryError].getName)

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

  /** Failures of tasks that follow from what ended their executor, and are told with it: those that it took along, and
    * those that it refused while it was going down.
    */
  def isAftermath(reason: TaskFailedReason): Boolean = reason match {
    case _: ExecutorLostFailure    => true
    case failure: ExceptionFailure => failure.className == classOf[RejectedExecutionException].getName
    case _                         => false
  }
}
