// Spark keeps to itself how it tells of a task that threw something.
package org.apache.spark.firesteel

import org.apache.spark.ExceptionFailure

object Failures {

  /** The end of a task that threw `error`. */
  def of(error: Throwable): ExceptionFailure = new ExceptionFailure(error, Nil)
}
