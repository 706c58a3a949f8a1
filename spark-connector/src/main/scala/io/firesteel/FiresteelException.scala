// The exception of the public API; its kind decides the driver's exit status.
package io.firesteel

import io.firesteel.jni.{Kind, NativeException}

/** A failure with a message for people and a kind for programs: `config` means a wrong request, others a failed run. */
final class FiresteelException(val kind: Kind, message: String, cause: Throwable = null)
    extends RuntimeException(message, cause)

object FiresteelException {

  /** The first exception of Firesteel in the chain of causes of `error`, else `error`: Spark wraps what a task threw,
    * sometimes more than once.
    */
  def unwrap(error: Throwable): Throwable =
    Failure.chain(error).collectFirst {
      case e: FiresteelException => e
      case e: NativeException    => new FiresteelException(e.kind, e.getMessage, error)
    } getOrElse error

  /** Runs `body` and throws its failure unwrapped. */
  def unwrapping[A](body: => A): A =
    try body
    catch { case scala.util.control.NonFatal(e) => throw unwrap(e) }
}
