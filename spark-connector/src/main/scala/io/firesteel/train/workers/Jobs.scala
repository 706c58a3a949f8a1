// The Spark jobs of one set of workers: each marked as the run's, placed anew, and done again where an executor is lost.
package io.firesteel.train.workers

import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.placement.Placement
import org.apache.spark.SparkContext

/** @param run the name that its jobs carry, of the watched run or below it */
private[train] final class Jobs(sc: SparkContext, run: String, val placement: Placement, val watch: FaultWatch) {

  /** Runs `job`; the UI shows it as `what`. */
  def apply[A](what: String)(job: => A): A = {
    sc.setLocalProperty(FaultWatch.RunProperty, run)
    sc.setJobDescription(s"firesteel: $what")
    try watch.repeating(placement)(job)
    finally {
      sc.setLocalProperty(FaultWatch.RunProperty, null)
      sc.setJobDescription(null)
    }
  }
}
