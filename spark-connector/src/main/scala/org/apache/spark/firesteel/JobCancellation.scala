// Tells a job that was cancelled from one that failed. Spark throws the same exception for both.
package org.apache.spark.firesteel

import org.apache.spark.SparkException

object JobCancellation {
  private val Condition = "[SPARK_JOB_CANCELLED]" // Spark's name for it, with which the message begins

  /** Whether `e` is that of a job that was cancelled: by its number, group or tag, or with all others. */
  def is(e: SparkException): Boolean = Option(e.getMessage).exists(_.contains(Condition))

  /** Whether it was cancelled otherwise than by the tag `own`. */
  def isByOthers(e: SparkException, own: String): Boolean = is(e) && !e.getMessage.contains(own)
}
