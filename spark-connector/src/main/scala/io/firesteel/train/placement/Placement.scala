// Which executor each worker's tasks are sent to. The driver decides it before each job, from the executors that can be
// given tasks then. Left to itself, Spark sends a task to where its partition is cached: after a loss that is a
// survivor, beside which replacements would stay idle to the end of the run.
package io.firesteel.train.placement

import org.apache.spark.firesteel.{ExecutorSlots, TaskSlots}
import org.apache.spark.SparkContext
import scala.collection.mutable

/** The homes of `workers` workers of `run`.
  *
  * @param who what they are called to people
  * @param report told which workers moved, and why
  */
private[train] final class Placement(
    sc: SparkContext,
    run: String,
    val workers: Int,
    report: (String, String) => Unit,
    who: String = "worker"
) {
  @volatile private var homes = Map.empty[Int, String]
  @volatile private var places = Map.empty[String, String] // of executors, as Spark's locations
  @volatile private var working = false // whether a move costs anything
  private var avoided = Set.empty[(Int, String)] // worker and executor; guarded by this

  /** Where a worker's task wants to run, in the words of `RDD.getPreferredLocations`; empty before the first `settle`. */
  def locations(worker: Int): Seq[String] =
    if (sc.isLocal) Nil else homes.get(worker).flatMap(places.get).toSeq

  /** From now on moves are told: the workers have done something, and are not still being dealt out. */
  def begun(): Unit = working = true

  def uses(executor: String): Boolean = homes.values.exists(_ == executor)

  /** Executors by worker. */
  def all: Map[Int, String] = homes

  /** Workers that have a slot now if each slot has one. */
  def served: Int = math.min(workers, slots.map(_.tasks).sum)

  /** Moves the workers whose executor cannot be given tasks any more, or has fewer slots than workers while there are
    * free ones elsewhere; all others stay, since a move builds a worker again.
    */
  def settle(): Unit = {
    val now = slots // before this object is locked, see `held`
    synchronized {
      val next = Placement.assign(homes, workers, now, avoided)
      if (working) tell(next, now)
      places = now.map(slot => slot.id -> slot.location).toMap
      homes = next
    }
  }

  /** Whether a worker's executor cannot be given tasks any more. */
  def isStale: Boolean = !homes.values.forall(TaskSlots.executors(sc).map(_.id).toSet)

  /** Whether `settle` would move a worker. */
  def isUneven: Boolean = {
    val now = slots // as above
    synchronized(Placement.assign(homes, workers, now, avoided) != homes)
  }

  /** Does not send `worker` to `executor`, where it failed, until `forgive`. */
  def avoid(worker: Int, executor: String): Unit = synchronized(avoided += worker -> executor)

  def forgive(): Unit = synchronized { avoided = Set.empty }

  /** Takes slots for all workers until `release`, if so many are free or `among` says that busy ones will do. Other runs
    * of this application do not count on them meanwhile.
    */
  def hold(among: Placement.Among): Boolean = Placement.held.synchronized {
    val enough = among == Placement.AllSlots || Placement.free(sc, run) >= workers
    if (enough) {
      settle()
      begun()
      Placement.held
        .getOrElseUpdate(sc, mutable.Map.empty)
        .put(run, homes.values.groupBy(identity).view.mapValues(_.size).toMap)
    }
    enough
  }

  def release(): Unit = Placement.held.synchronized(Placement.held.get(sc).foreach(_.remove(run)))

  /** Executors without what other runs hold of them; with it where nothing else is left. */
  private def slots: Seq[ExecutorSlots] = {
    val all = TaskSlots.executors(sc)
    val taken = Placement.takenByOthers(sc, run)
    val left = all.map(slot => slot.copy(tasks = slot.tasks - taken.getOrElse(slot.id, 0))).filter(_.tasks > 0)
    if (left.isEmpty) all else left
  }

  private def tell(next: Map[Int, String], now: Seq[ExecutorSlots]): Unit = {
    val able = now.map(_.id).toSet
    val moved =
      for ((worker, from) <- homes.toSeq.sorted; to <- next.get(worker) if to != from) yield (worker, from, to)
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

  /** Which slots a long job asks for. */
  sealed trait Among
  case object FreeSlots extends Among
  case object AllSlots extends Among

  /** Slots by run and executor that long jobs hold. Who holds slots locks this and then its placement, so nobody may lock
    * this while a placement is locked: the two would wait for each other for ever.
    */
  private val held = mutable.WeakHashMap.empty[SparkContext, mutable.Map[String, Map[String, Int]]]

  /** Whether other runs of this application hold slots. */
  def isShared(sc: SparkContext, run: String): Boolean = takenByOthers(sc, run).nonEmpty

  /** Slots that neither another run holds nor a task uses. */
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

  /** Homes for all workers, with as few moves as may be. Every executor gets at most as many workers for each of its
    * slots as all slots together need; a worker without a home goes where its share of the slots is largest.
    */
  def assign(
      homes: Map[Int, String],
      workers: Int,
      slots: Seq[ExecutorSlots],
      avoided: Set[(Int, String)] = Set.empty
  ): Map[Int, String] = if (slots.isEmpty) homes
  else {
    val total = slots.map(_.tasks).sum
    val waves = (workers + total - 1) / total
    val room = slots.map(slot => slot.id -> waves * slot.tasks).toMap
    val load = mutable.Map.empty[String, Int].withDefaultValue(0)
    val next = mutable.Map.empty[Int, String]
    def place(worker: Int, executor: String): Unit = {
      next(worker) = executor
      load(executor) += 1
    }
    for {
      worker <- 0 until workers
      home <- homes.get(worker)
      if load(home) < room.getOrElse(home, 0) && !avoided(worker -> home)
    } place(worker, home)
    for (worker <- 0 until workers if !next.contains(worker)) {
      val open = slots.filter(slot => load(slot.id) < room(slot.id))
      val liked = open.filterNot(slot => avoided(worker -> slot.id))
      val others = slots.filterNot(slot => avoided(worker -> slot.id))
      val choice = Seq(liked, others, open, slots).find(_.nonEmpty).get
      place(worker, choice.minBy(slot => key(slot, load(slot.id))).id)
    }
    next.toMap
  }

  /** Executors with an idle slot first, then by the share of a slot that is left, then by age. */
  private def key(slot: ExecutorSlots, load: Int): (Boolean, Double, Int, String) =
    (load + slot.running >= slot.tasks, (load + 1.0) / slot.tasks, slot.id.length, slot.id)
}
