// What Spark's web UI calls the jobs of a run, and their stages.
package io.firesteel

import org.apache.spark.SparkContext

private[firesteel] object JobDescription {
  private val Property = "spark.job.description"

  /** Runs `body`, whose Spark jobs are called `what`; afterwards the thread's jobs are called as before. */
  def apply[A](sc: SparkContext, what: String)(body: => A): A = {
    val before = sc.getLocalProperty(Property)
    sc.setJobDescription(s"firesteel: $what")
    try body
    finally sc.setJobDescription(before)
  }
}
