// How many executors an application is going to have, as its settings tell, and asking for them where dynamic
// allocation has none: it starts executors for tasks that wait, and a run must know its slots before it has tasks.
package org.apache.spark.firesteel

import org.apache.spark.internal.config.{DYN_ALLOCATION_MAX_EXECUTORS, EXECUTOR_CORES}
import org.apache.spark.scheduler.cluster.SchedulerBackendUtils
import org.apache.spark.util.Utils
import org.apache.spark.{SparkConf, SparkContext}

/** What is there once no more executors are to come. */
sealed trait Supply

object Supply {
  final case class Executors(count: Int) extends Supply

  /** Cores of all executors together. */
  final case class Cores(count: Int) extends Supply

  /** Whatever the machines of a standalone cluster have. */
  case object Unknown extends Supply

  private val LocalCluster = """local-cluster\[\s*(\d+)\s*,\s*(\d+)\s*,\s*\d+\s*]""".r

  /** What the settings promise for tasks that fill all slots. The cluster may have less room. */
  def of(conf: SparkConf): Supply = {
    val executorCores = conf.getOption(EXECUTOR_CORES.key).map(_.toInt)
    def within(cores: Int): Supply = executorCores.fold[Supply](Cores(cores))(each => Executors(cores / each))
    conf.get("spark.master") match {
      case _ if isDynamic(conf)          => Executors(mostExecutors(conf).getOrElse(initialExecutors(conf)))
      case LocalCluster(machines, cores) => within(machines.toInt * cores.toInt)
      case url if url.startsWith("spark:") => conf.getOption("spark.cores.max").fold[Supply](Unknown)(n => within(n.toInt))
      case url if url.startsWith("yarn") || url.startsWith("k8s") => Executors(initialExecutors(conf))
      case _                                                      => Unknown
    }
  }

  def isDynamic(conf: SparkConf): Boolean = Utils.isDynamicAllocationEnabled(conf)

  /** The most that dynamic allocation starts; none where there is no limit. */
  def mostExecutors(conf: SparkConf): Option[Int] =
    Some(conf.get(DYN_ALLOCATION_MAX_EXECUTORS)).filter(_ < Int.MaxValue)

  private def initialExecutors(conf: SparkConf): Int = SchedulerBackendUtils.getInitialTargetExecutorNumber(conf)
}

/** Asks dynamic allocation for executors, each once. Without dynamic allocation nothing is asked. */
final class SupplyRequest(sc: SparkContext) {
  private val isDynamic = Supply.isDynamic(sc.conf)
  private val most = Supply.mostExecutors(sc.conf).getOrElse(Int.MaxValue)
  private var asked = 0 // executors in all, those included that were there

  /** Asks for the executors that `slots` tasks need beside those that are there, up to the most that are allowed. */
  def ensureSlots(slots: Int): Unit = if (isDynamic) {
    val there = TaskSlots.executors(sc)
    val missing = slots - there.map(_.tasks).sum
    // before the first is there, one may turn out to be enough
    val executors = tasksOfOne(there).fold(1)(tasks => (missing + tasks - 1) / tasks)
    if (missing > 0) ensure(there.size, there.size + executors)
  }

  /** Asks for `executors` in all. */
  def ensureExecutors(executors: Int): Unit = if (isDynamic) ensure(TaskSlots.executors(sc).size, executors)

  private def ensure(there: Int, wanted: Int): Unit = {
    val target = math.min(wanted, most)
    val more = target - math.max(there, asked)
    if (more > 0 && sc.requestExecutors(more)) asked = target
  }

  private def tasksOfOne(there: Seq[ExecutorSlots]): Option[Int] = {
    val profile = sc.resourceProfileManager.defaultResourceProfile
    val promised = profile.maxTasksPerExecutor(sc.conf)
    there.map(_.tasks).maxOption.orElse(Option.when(profile.isCoresLimitKnown)(promised))
  }
}
