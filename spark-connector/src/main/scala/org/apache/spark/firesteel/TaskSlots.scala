// Which executors can be given tasks, and how many at once. Spark has no public API for this.
package org.apache.spark.firesteel

import org.apache.spark.SparkContext
import org.apache.spark.internal.config.CPUS_PER_TASK
import org.apache.spark.resource.ResourceProfile
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

  /** Cores of all of `executors`; 0 in local Spark. */
  def cores(sc: SparkContext): Int = {
    val able = executors(sc).map(_.id).toSet
    sc.statusStore.executorList(activeOnly = true).filter(executor => able(executor.id)).map(_.totalCores).sum
  }

  /** Milliseconds since the last executor registered; none before the first. */
  def quietMillis(sc: SparkContext): Option[Long] =
    sc.statusStore
      .executorList(activeOnly = true)
      .filter(_.maxTasks > 0)
      .map(System.currentTimeMillis() - _.addTime.getTime)
      .minOption

  /** What limits the tasks of an executor, as a setting and its value, where it is more than a core for each. */
  def limit(sc: SparkContext): Option[(String, String)] = {
    val profile = sc.resourceProfileManager.defaultResourceProfile
    profile.maxTasksPerExecutor(sc.conf) // works out what limits them
    val setting = profile.limitingResource(sc.conf) match {
      case "" | ResourceProfile.CPUS => CPUS_PER_TASK.key
      case resource                  => s"spark.task.resource.$resource.amount"
    }
    sc.conf.getOption(setting).filter(_ != "1" || setting != CPUS_PER_TASK.key).map(setting -> _)
  }

  /** Cores that one task takes. */
  def coresOfTask(sc: SparkContext): Int = sc.conf.get(CPUS_PER_TASK)

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
