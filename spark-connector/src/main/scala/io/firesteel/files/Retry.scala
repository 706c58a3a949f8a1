// Retries operations of a file system that is not available for a while: a namenode restarts, a connection broke.
// A failure that waiting does not cure (a quota, a permission, a full disk) is thrown at once.
package io.firesteel.files

import io.firesteel.Failure
import java.io.{EOFException, IOException}
import java.net.{SocketException, SocketTimeoutException}
import java.util.concurrent.TimeUnit.{MILLISECONDS, SECONDS}
import org.apache.hadoop.ipc.RemoteException
import org.slf4j.LoggerFactory

/** @param patienceSeconds how long to retry after the first failure
  * @param clock the time in nanoseconds
  * @param pause sleeps for so many milliseconds
  */
private[firesteel] final class Retry(patienceSeconds: Long, clock: () => Long, pause: Long => Unit) {

  /** Runs `body` until it succeeds, fails with something that a retry does not cure, or time is up. */
  def apply[A](body: => A): A = {
    var deadline = Option.empty[Long]
    var wait = Retry.FirstPause
    var result = Option.empty[A]
    while (result.isEmpty)
      try result = Some(body)
      catch {
        case e: IOException if patienceSeconds > 0 && Retry.mayPass(e) && deadline.forall(_ - clock() > 0) =>
          if (deadline.isEmpty) {
            deadline = Some(clock() + SECONDS.toNanos(patienceSeconds))
            Retry.log.warn(
              s"the file system is not available; retrying for up to $patienceSeconds s: ${Failure.line(e)}"
            )
          }
          pause(wait)
          wait = math.min(2 * wait, Retry.LongestPause)
      }
    result.get
  }
}

private[firesteel] object Retry {

  /** Two minutes: a namenode's restart or failover takes one. */
  val standard: Retry = new Retry(120, () => System.nanoTime(), MILLISECONDS.sleep(_))

  /** For clients that retry by themselves. */
  val none: Retry = new Retry(0, () => System.nanoTime(), MILLISECONDS.sleep(_))

  private val log = LoggerFactory.getLogger(classOf[Retry])
  private val FirstPause = 500L // milliseconds
  private val LongestPause = 5000L

  /** Exceptions of namenodes that start or fail over. */
  private val Starting = Set("SafeModeException", "StandbyException", "RetriableException")

  private def mayPass(e: IOException): Boolean = e match {
    case _: SocketException | _: SocketTimeoutException | _: EOFException => true // refused, reset, unreachable, closed
    case remote: RemoteException => Starting(remote.getClassName.split("[.$]").last)
    case other                   => Starting(other.getClass.getSimpleName)
  }
}
