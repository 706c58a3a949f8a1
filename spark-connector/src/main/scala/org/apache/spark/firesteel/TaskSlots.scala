// Which executors can be given tasks, and how many at once. Spark has no public API for this.
package org.apache.spark.firesteel

import org.apache.spark.SparkContext
import org.apache.spark.scheduler.TaskSchedulerImpl
import org.apache.spark.scheduler.cluster.CoarseGrainedSchedulerBackend

/** An executor that can be given tasks now.
  *
  * @param tasks of the default resource profile that it can run at once
  * @param running tasks that it runs now, of whatever job
  */
final case class ExecutorSlots(id: String, host: String, tasks: Int, running: Int) {

  /** As a preferred location of `RDD.getPreferredLocations`. Spark parses the host up to the first underscore, and the
    * rest as the executor. Underscores in the host are replaced, which does no harm: the host only matters for the
    * locality levels that are not waited for.
    */
  def location: String = s"executor_${host.replace('_', '-')}_$id"
}

object TaskSlots {

  /** Tasks that all executors together can run at once, busy or not. */
  def now(sc: SparkContext): Int = executors(sc).map(_.tasks).sum

  /** Executors that Spark would give a task: registered, known to its scheduler, neither excluded nor being
    * decommissioned. The scheduler does not know one that has only just registered. In local Spark it is this process.
    */
  def executors(sc: SparkContext): Seq[ExecutorSlots] = {
    val scheduler = sc.taskScheduler.asInstanceOf[TaskSchedulerImpl]
    val running = scheduler.runningTasksByExecutors.withDefaultValue(0)
    sc.schedulerBackend match {
      case backend: CoarseGrainedSchedulerBackend =>
        for {
          executor <- sc.statusStore.executorList(activeOnly = true)
          if executor.maxTasks > 0 && !executor.isExcluded // on a cluster the driver is listed without task slots
          if backend.isExecutorActive(executor.id) && scheduler.isExecutorAlive(executor.id)
        } yield {
          val host = executor.hostPort.take(executor.hostPort.lastIndexOf(':'))
          ExecutorSlots(executor.id, host, executor.maxTasks, running(executor.id))
        }
      case _ =>
        val tasks = sc.maxNumConcurrentTasks(sc.resourceProfileManager.defaultResourceProfile)
        Seq(ExecutorSlots(SparkContext.DRIVER_IDENTIFIER, "localhost", tasks, running(SparkContext.DRIVER_IDENTIFIER)))
    }
  }
}
