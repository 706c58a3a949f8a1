// The Spark jobs of one set of workers. Each is marked as the run's; before it workers are assigned to executors, and
// it is run again if an executor is lost.
package io.firesteel.train.workers

import io.firesteel.JobDescription
import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.placement.Placement
import org.apache.spark.SparkContext

/** @param run the name that the jobs carry: the watched run's, or `run/...` */
private[train] final class Jobs(sc: SparkContext, run: String, val placement: Placement, val watch: FaultWatch) {

  /** Runs `job`; Spark's web UI shows it as `what`. */
  def apply[A](what: String)(job: => A): A = {
    sc.setLocalProperty(FaultWatch.RunProperty, run)
    try JobDescription(sc, what)(watch.repeating(placement)(job))
    finally sc.setLocalProperty(FaultWatch.RunProperty, null)
  }
}
