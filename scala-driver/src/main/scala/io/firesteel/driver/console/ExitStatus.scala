// The exit status of a failure.
package io.firesteel.driver.console

import io.firesteel.{Failure, FiresteelException}
import io.firesteel.jni.{Kind, NativeException}

object ExitStatus {
  val Failed = 1 // a failed run
  val Wrong = 2 // a wrong command line or configuration

  /** 2 where the outermost of our own exceptions in the chain of causes is of kind config, else 1. */
  def of(error: Throwable): Int =
    Failure.chain(error).collectFirst {
      case e: FiresteelException => e.kind
      case e: NativeException    => e.kind
    } match {
      case Some(Kind.CONFIG) => Wrong
      case _                 => Failed
    }
}
