// The failure of a task as Spark tells its listeners of it; only Spark's own package may make one of an exception.
package org.apache.spark.firesteel

import org.apache.spark.ExceptionFailure

object Failures {

  /** The end of a task that threw `error`. */
  def of(error: Throwable): ExceptionFailure = new ExceptionFailure(error, Nil)
}
