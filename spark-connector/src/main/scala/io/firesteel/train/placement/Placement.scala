// Assigns workers to executors. The driver does so before each job, among the executors that can be given tasks at that
// moment. Spark's own choice is the executor that caches the partition: after a loss that is one of the remaining ones,
// and the executor that replaces the lost one would stay idle until the run ends.
package io.firesteel.train.placement

import org.apache.spark.firesteel.{ExecutorSlots, TaskSlots}
import org.apache.spark.SparkContext
import scala.collection.mutable

/** The executors of the `workers` workers of `run`.
  *
  * @param report called with which workers were moved and why, and what happens to them
  * @param who what messages call a worker
  */
private[train] final class Placement(
    sc: SparkContext,
    run: String,
    val workers: Int,
    report: (String, String) => Unit,
    who: String = "worker"
) {
  @volatile private var assigned = Map.empty[Int, String] // executor id of each worker
  @volatile private var locationOf = Map.empty[String, String] // executor id to Spark's preferred location
  @volatile private var reporting = false // before workers have begun to train, moving them costs nothing
  private var avoided = Set.empty[(Int, String)] // (worker, executor) that failed together; guarded by this

  /** The preferred locations of a worker's task, as `RDD.getPreferredLocations` has them; empty before the first
    * [[update]].
    */
  def locations(worker: Int): Seq[String] =
    if (sc.isLocal) Nil else assigned.get(worker).flatMap(locationOf.get).toSeq

  /** Says that workers have begun to train: from now on moves are reported. */
  def began(): Unit = reporting = true

  /** Whether a worker is assigned to that executor. */

  def uses(executor: String): Boolean = assigned.values.exists(_ == executor)

  /** The executor of each worker. */
  def executors: Map[Int, String] = assigned

  /** How many of the workers can run at once now, one in each task slot. */
  def workersWithSlot: Int = math.min(workers, slots.map(_.tasks).sum)

  /** Moves the workers whose executor can be given no more tasks, or has more workers than slots while other executors
    * have free slots. All others stay, since a worker that moves is built again from its partition.
    */
  def update(): Unit = {
    val now = slots // takes the lock of `held`, so it comes before the lock of this object: see `held`
    synchronized {
      val next = Placement.assign(assigned, workers, now, avoided)
      if (reporting) reportMoves(next, now)
      locationOf = now.map(slot => slot.id -> slot.location).toMap
      assigned = next
    }
  }

  /** Whether a worker's executor cannot be given tasks any more. */
  def isStale: Boolean = !assigned.values.forall(TaskSlots.executors(sc).map(_.id).toSet)

  /** Whether `update` would move a worker. */
  def isUneven: Boolean = {
    val now = slots // before the lock, as in update
    synchronized(Placement.assign(assigned, workers, now, avoided) != assigned)
  }

  /** Keeps `worker` away from `executor`, where it failed, until [[clearAvoided]]; if there is no other, it goes there
    * all the same.
    */
  def avoid(worker: Int, executor: String): Unit = synchronized(avoided += worker -> executor)

  /** Forgets what [[avoid]] was told. */
  def clearAvoided(): Unit = synchronized { avoided = Set.empty }

  /** Reserves a slot for each worker until [[release]], and says whether it did. Only free slots are taken unless
    * `among` is `AllSlots`. Other runs of this application leave reserved slots alone.
    */
  def hold(among: Placement.Among): Boolean = Placement.held.synchronized {
    val enough = among == Placement.AllSlots || Placement.free(sc, run) >= workers
    if (enough) {
      update()
      began()
      Placement.held
        .getOrElseUpdate(sc, mutable.Map.empty)
        .put(run, assigned.values.groupBy(identity).view.mapValues(_.size).toMap)
    }
    enough
  }

  /** Gives up the reserved slots. */
  def release(): Unit = Placement.held.synchronized(Placement.held.get(sc).foreach(_.remove(run)))

  /** Executors and their slots without those that other runs have reserved; if none would be left, all. */
  private def slots: Seq[ExecutorSlots] = {
    val all = TaskSlots.executors(sc)
    val taken = Placement.takenByOthers(sc, run)
    val left = all.map(slot => slot.copy(tasks = slot.tasks - taken.getOrElse(slot.id, 0))).filter(_.tasks > 0)
    if (left.isEmpty) all else left
  }

  private def reportMoves(next: Map[Int, String], now: Seq[ExecutorSlots]): Unit = {
    val able = now.map(_.id).toSet
    val moved =
      for ((worker, from) <- assigned.toSeq.sorted; to <- next.get(worker) if to != from) yield (worker, from, to)
    for ((from, group) <- moved.groupBy(_._2).toSeq.sortBy(_._1)) {
      val names = group.map(_._1).mkString(", ")
      val why =
        if (able(from)) s"executor $from has no slot for it while others are free"
        else s"executor $from is given no more tasks"
      val targets = group.map(_._3).distinct.mkString(", ")
      report(s"$who $names: $why", s"built again in executor $targets")
    }
  }
}

private[train] object Placement {

  /** Which slots a long stage may reserve. */
  sealed trait Among
  case object FreeSlots extends Among
  case object AllSlots extends Among

  /** The reserved slots of each application, by run and executor. Lock order: this first, then a placement. Whoever
    * locks this while it holds the lock of a placement may deadlock with [[hold]].
    */
  private val held = mutable.WeakHashMap.empty[SparkContext, mutable.Map[String, Map[String, Int]]]

  /** Whether other runs of this application have reserved slots. */
  def isShared(sc: SparkContext, run: String): Boolean = takenByOthers(sc, run).nonEmpty

  /** Slots that no other run has reserved and no task uses. */
  def free(sc: SparkContext, run: String): Int = {
    val taken = takenByOthers(sc, run)
    TaskSlots
      .executors(sc)
      .map(slot => math.max(0, slot.tasks - math.max(slot.running, taken.getOrElse(slot.id, 0))))
      .sum
  }

  private def takenByOthers(sc: SparkContext, run: String): Map[String, Int] = held.synchronized {
    val others = held.get(sc).toSeq.flatMap(_.toSeq).collect { case (name, slots) if name != run => slots }
    others.flatten.groupMapReduce(_._1)(_._2)(_ + _)
  }

  /** An executor for each worker, with as few moves as possible. With S slots in all, an executor of s slots gets at
    * most s * ceil(workers / S) workers. A worker that must move goes where a worker's share of the slots is then the
    * largest.
    *
    * @param assigned executors of the workers so far
    * @param avoided pairs of worker and executor to be used only if there is no other
    */
  def assign(
      assigned: Map[Int, String],
      workers: Int,
      slots: Seq[ExecutorSlots],
      avoided: Set[(Int, String)] = Set.empty
  ): Map[Int, String] = if (slots.isEmpty) assigned
  else {
    val total = slots.map(_.tasks).sum
    val waves = (workers + total - 1) / total
    val room = slots.map(slot => slot.id -> waves * slot.tasks).toMap
    val load = mutable.Map.empty[String, Int].withDefaultValue(0)
    val next = mutable.Map.empty[Int, String]
    def assignTo(worker: Int, executor: String): Unit = {
      next(worker) = executor
      load(executor) += 1
    }
    for {
      worker <- 0 until workers
      executor <- assigned.get(worker)
      if load(executor) < room.getOrElse(executor, 0) && !avoided(worker -> executor)
    } assignTo(worker, executor)
    for (worker <- 0 until workers if !next.contains(worker)) {
      val withRoom = slots.filter(slot => load(slot.id) < room(slot.id))
      val best = withRoom.filterNot(slot => avoided(worker -> slot.id))
      val notAvoided = slots.filterNot(slot => avoided(worker -> slot.id))
      val choice = Seq(best, notAvoided, withRoom, slots).find(_.nonEmpty).get
      assignTo(worker, choice.minBy(slot => key(slot, load(slot.id))).id)
    }
    next.toMap
  }

  /** Sort key: executors with an idle slot first, then by workers for each slot, then the oldest. */
  private def key(slot: ExecutorSlots, load: Int): (Boolean, Double, Int, String) =
    (load + slot.running >= slot.tasks, (load + 1.0) / slot.tasks, slot.id.length, slot.id)
}
