// A run that is cancelled, by its listener, by an interruption of its thread, or by a cancellation of its Spark jobs, fails
// with kind cancelled.
package io.firesteel.train.faults

import io.firesteel.{FiresteelException, Uninterrupted}
import io.firesteel.jni.Kind
import io.firesteel.train.run.RunStopped
import java.util.UUID
import org.apache.spark.{SparkContext, SparkException}
import org.apache.spark.firesteel.JobCancellation
import scala.util.control.NonFatal

private[firesteel] object Cancellation {

  /** Local properties of Spark by which jobs are cancelled. */
  private val Groups = Seq("spark.jobGroup.id", "spark.job.tags")

  /** Runs `body`, whose cancellation it throws as a failure of kind cancelled. After an interruption the thread's flag is
    * set again.
    *
    * @param what was cancelled, for the message
    */
  def told[A](body: => A, what: String = "run"): A = {
    def cancelled(why: String, cause: Throwable) = throw new FiresteelException(Kind.CANCELLED, why, cause)
    def interrupted(cause: InterruptedException) = {
      Thread.currentThread.interrupt()
      cancelled(s"the thread of the $what was interrupted", cause)
    }
    try body
    catch {
      case e: InterruptedException => interrupted(e)
      case e: RunStopped           => cancelled("the run was stopped before its first round had ended", e)
      case e: SparkException if JobCancellation.is(e)        => cancelled("a Spark job of the run was cancelled", e)
      case NonFatal(e) if Thread.currentThread.isInterrupted => // a channel, say, fails with an exception of its own
        val cause = new InterruptedException(e.toString)
        cause.initCause(e)
        interrupted(cause)
    }
  }

  /** Runs `body`, whose Spark jobs are cancelled if its thread is interrupted: Spark goes on with them. */
  def jobs[A](sc: SparkContext)(body: => A): A = {
    val tag = s"firesteel-${UUID.randomUUID}"
    sc.addJobTag(tag)
    try body
    catch {
      case e: InterruptedException =>
        sc.cancelJobsWithTag(tag)
        throw e
    } finally sc.removeJobTag(tag)
  }

  /** Runs `body`, which cleans up: neither an interruption nor a cancellation of the caller's job group or tags, which may
    * be of their future jobs too, concerns it.
    */
  def cleaning[A](sc: SparkContext)(body: => A): A = Uninterrupted {
    Groups.foreach(sc.setLocalProperty(_, null)) // of the thread that cleans
    body
  }
}
