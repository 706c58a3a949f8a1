// The one exception that users of io.firesteel.train and io.firesteel.data see; its kind decides the exit status.
package io.firesteel

import io.firesteel.jni.{Kind, NativeException}

/** A failure with a message for people and a kind for programs: `config` is a wrong request, all else a failed run. */
final class FiresteelException(val kind: Kind, message: String, cause: Throwable = null)
    extends RuntimeException(message, cause)

object FiresteelException {

  /** The failure inside `error` that says most: Spark wraps what a task threw, sometimes more than once. */
  def unwrap(error: Throwable): Throwable =
    Iterator.iterate(error)(_.getCause).takeWhile(_ != null).take(MaxCauses).collectFirst {
      case e: FiresteelException => e
      case e: NativeException    => new FiresteelException(e.kind, e.getMessage, error)
    } getOrElse error

  /** Runs `body`; what it throws comes out unwrapped. */
  def unwrapping[A](body: => A): A =
    try body
    catch { case scala.util.control.NonFatal(e) => throw unwrap(e) }

  private val MaxCauses = 32 // a chain of causes may be a ring
}
