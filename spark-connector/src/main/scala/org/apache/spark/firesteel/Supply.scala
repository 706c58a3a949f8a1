// How many executors an application is going to have, as its settings tell, and asking for them where dynamic
// allocation has none: it starts executors for tasks that wait, and a run must know its slots before it has tasks.
package org.apache.spark.firesteel

import org.apache.spark.internal.config.{DYN_ALLOCATION_MAX_EXECUTORS, EXECUTOR_CORES}
import org.apache.spark.scheduler.cluster.SchedulerBackendUtils
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

  /** What the settings promise to an application that takes what it is given. The cluster may have less room. */
  def of(conf: SparkConf): Supply = {
    val executorCores = conf.getOption(EXECUTOR_CORES.key).map(_.toInt)
    def within(machines: Int, cores: Int): Supply =
      executorCores.fold[Supply](Cores(machines * cores))(each => Executors(machines * (cores / each)))
    conf.get("spark.master") match {
      case _ if isDynamic(conf)            => Executors(mostExecutors(conf).getOrElse(initialExecutors(conf)))
      case LocalCluster(machines, cores)   => within(machines.toInt, cores.toInt)
      case url if url.startsWith("spark:") =>
        conf.getOption("spark.cores.max").fold[Supply](Unknown)(cores => within(1, cores.toInt))
      case url if url.startsWith("yarn") || url.startsWith("k8s") => Executors(initialExecutors(conf))
      case _                                                      => Unknown
    }
  }

  /** What dynamic allocation starts for an application that says how many tasks it has; none without it. */
  def onDemand(conf: SparkConf): Option[Supply] =
    Option.when(isDynamic(conf))(Executors(mostExecutors(conf).getOrElse(Int.MaxValue)))

  /** As Spark's `Utils` tells it, which takes a class that Spark 3.5 has not. */
  def isDynamic(conf: SparkConf): Boolean = {
    val master = conf.get("spark.master", "")
    conf.getBoolean("spark.dynamicAllocation.enabled", false) && master != "local" && !master.startsWith("local[")
  }

  /** The most that dynamic allocation starts; none where there is no limit. */
  def mostExecutors(conf: SparkConf): Option[Int] =
    Some(conf.get(DYN_ALLOCATION_MAX_EXECUTORS)).filter(_ < Int.MaxValue)

  /** Those that Spark itself asks for when the application starts. */
  def initialExecutors(conf: SparkConf): Int = SchedulerBackendUtils.getInitialTargetExecutorNumber(conf)
}

/** Asks dynamic allocation for executors. Without dynamic allocation nothing is asked. */
final class SupplyRequest(sc: SparkContext) {
  private val isDynamic = Supply.isDynamic(sc.conf)
  private val most = Supply.mostExecutors(sc.conf).getOrElse(Int.MaxValue)
  private val initial = Supply.initialExecutors(sc.conf) // a request for fewer would take Spark's own back
  private var asked = 0 // in all

  /** Asks for the executors that `slots` tasks need beside those that are there, up to the most that are allowed. */
  def ensureSlots(slots: Int): Unit = if (isDynamic) {
    val there = TaskSlots.executors(sc)
    val missing = slots.toLong - there.map(_.tasks).sum
    // before the first is there, one may turn out to be enough
    val more = tasksOfOne(there).fold(1L)(tasks => (missing + tasks - 1) / tasks)
    if (missing > 0) ensureExecutors(math.min(there.size + more, Int.MaxValue).toInt)
  }

  /** Asks for `executors` in all. */
  def ensureExecutors(executors: Int): Unit = {
    val target = math.min(math.max(executors, initial), most)
    if (isDynamic && target > asked && sc.requestTotalExecutors(target, 0, Map.empty)) asked = target
  }

  private def tasksOfOne(there: Seq[ExecutorSlots]): Option[Int] = {
    val profile = sc.resourceProfileManager.defaultResourceProfile
    val promised = profile.maxTasksPerExecutor(sc.conf)
    there.map(_.tasks).maxOption.orElse(Option.when(profile.isCoresLimitKnown)(promised))
  }
}
