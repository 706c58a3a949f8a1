// Spark knows how many tasks run at once, for barrier stages, and tells nobody outside its own package.
package org.apache.spark.firesteel

import org.apache.spark.SparkContext

object TaskSlots {

  /** Tasks of the default resource profile that all registered executors together can run at once, busy or not. */
  def now(sc: SparkContext): Int = sc.maxNumConcurrentTasks(sc.resourceProfileManager.defaultResourceProfile)
}
