// What Spark loses while a run goes on: tells of it, and asks a job again whose workers must go elsewhere. Spark never
// thinks again about where submitted tasks want to run, so those of an executor that is gone, being decommissioned or
// excluded would wait out spark.locality.wait; a new job is placed anew. It costs what was done since the last exchange.
package io.firesteel.train.faults

import io.firesteel.FiresteelException
import io.firesteel.train.placement.Placement
import org.apache.spark.firesteel.Listeners
import java.util.concurrent.{ConcurrentHashMap, Executors, TimeUnit}
import java.util.concurrent.TimeUnit.SECONDS
import org.apache.spark.scheduler._
import org.apache.spark.{ExceptionFailure, SparkContext, SparkException, TaskFailedReason, TaskKilled}
import org.slf4j.LoggerFactory
import scala.annotation.tailrec
import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

/** Listens from construction to close; `run` and the runs below it are ours.
  *
  * @param report told what was lost and what is done about it, on threads of Spark and of this
  * @param redo what becomes of a job whose executor was lost
  * @param overhead bytes that an executor's workers take beside its heap, where that was worked out
  */
private[train] final class FaultWatch(
    sc: SparkContext,
    run: String,
    val report: (String, String) => Unit,
    redo: FaultWatch.Redo = FaultWatch.Round,
    overhead: Option[Long] = None
) extends SparkListener
    with AutoCloseable {
  private val tag = s"firesteel-$run"
  private val stages = ConcurrentHashMap.newKeySet[Int]()
  private val crew = ConcurrentHashMap.newKeySet[String]() // executors that run tasks of ours, or host parts
  private val visited = ConcurrentHashMap.newKeySet[String]() // executors that ever ran tasks of ours
  private val excludes = FaultWatch.Excluding.exists(sc.getConf.getBoolean(_, defaultValue = false))
  private val death = new ExecutorDeath(sc.getConf, overhead)
  private val mostFailures = sc.getConf.getInt("spark.task.maxFailures", 4)
  private var most = 0 // workers that had a slot of their own at once, so far; of the job's thread
  @volatile private var current = Option.empty[Attempt]
  @volatile private var over = false

  sc.addSparkListener(this)
  private val looking = Executors.newSingleThreadScheduledExecutor { task =>
    val thread = new Thread(task, "firesteel-fault-watch")
    thread.setDaemon(true)
    thread
  }
  looking.scheduleWithFixedDelay(() => look(), FaultWatch.LookMillis, FaultWatch.LookMillis, TimeUnit.MILLISECONDS)

  /** One submission of a job. */
  private final class Attempt(val placement: Placement) {
    private val begin = System.nanoTime()
    @volatile var lost = Option.empty[String] // how an executor ended, and with it what its workers did
    @volatile var fatal = Option.empty[FiresteelException] // what another attempt would end in, too
    @volatile var moved = false // its workers are wanted elsewhere
    @volatile var failed = Option.empty[Throwable] // a task, which only another executor may try again
    @volatile var uneven = 0 // looks in a row that found slots free which would be better

    /** Whether it must end. */
    def isVoid: Boolean = lost.nonEmpty || moved || failed.nonEmpty || fatal.nonEmpty

    /** Whether it went on for so long that its loss is not one of a row. */
    def lasted: Boolean = System.nanoTime() - begin > SECONDS.toNanos(FaultWatch.LastingSeconds)
  }

  /** Runs `job`, one Spark job over tasks at `placement` that may be done again, until nothing was lost under it. */
  def repeating[A](placement: Placement)(job: => A): A = {
    sc.addJobTag(tag)
    try repeated(placement, job, FaultWatch.MostLosses, failures = 0)
    finally {
      current = None
      placement.forgive()
      sc.removeJobTag(tag)
    }
  }

  @tailrec private def repeated[A](placement: Placement, job: => A, left: Int, failures: Int): A = {
    val attempt = new Attempt(placement)
    if (most == 0 && !sc.isLocal) awaitSlots(placement, placement.workers, FaultWatch.StartSeconds)
    else if (placement.isStale) awaitSlots(placement, most, FaultWatch.ReplacementSeconds)
    placement.settle()
    crew.removeIf(id => !redo.hosted && !placement.uses(id)) // its workers moved: no loss of ours any more
    most = math.max(most, placement.served)
    current = Some(attempt)
    settled(job) match {
      case Right(result)                     => result
      case Left(_) if attempt.fatal.nonEmpty => throw attempt.fatal.get
      case Left(e) if over                   => throw e
      case Left(e) if attempt.lost.nonEmpty  =>
        val fewer = if (attempt.lasted) FaultWatch.MostLosses else left - 1
        if (fewer == 0) throw attempt.lost.flatMap(death.tooOften(_, FaultWatch.MostLosses)).getOrElse(e)
        repeated(placement, job, fewer, failures)
      case Left(_) if attempt.failed.nonEmpty =>
        if (failures + 1 >= mostFailures)
          throw new SparkException(s"a task failed $mostFailures times", attempt.failed.get)
        repeated(placement, job, left, failures + 1)
      case Left(_) if attempt.moved => repeated(placement, job, left, failures)
      case Left(e)                  => throw e
    }
  }

  /** A failure that Spark made is held; one with a cause of ours is nobody's loss. */
  private def settled[A](job: => A): Either[SparkException, A] =
    try Right(job)
    catch {
      case e: SparkException if !FiresteelException.unwrap(e).isInstanceOf[FiresteelException] =>
        Listeners.drain(sc) // why may still be on its way
        Left(e)
    }

  /** Waits until so many workers have a slot each: one that is built in a survivor now, or in the first executor of a
    * cluster, would be built again as soon as another is there.
    */
  private def awaitSlots(placement: Placement, wanted: Int, seconds: Long): Unit = {
    val deadline = System.nanoTime() + SECONDS.toNanos(seconds)
    while (!over && placement.served < wanted && deadline - System.nanoTime() > 0) Thread.sleep(FaultWatch.PollMillis)
  }

  /** Cancels an attempt whose workers must go elsewhere: again and again, since it may have been between two jobs. */
  private def look(): Unit =
    try current.foreach(look)
    catch { case NonFatal(e) if !sc.isStopped => FaultWatch.log.warn(s"look at the executors of run $run", e) }

  private def look(attempt: Attempt): Unit = {
    val placement = attempt.placement
    attempt.uneven = if (redo.spreads && placement.isUneven) attempt.uneven + 1 else 0
    if (placement.isStale && placement.served > 0 || attempt.uneven >= FaultWatch.LooksBeforeMoving)
      attempt.moved = true
    if (attempt.isVoid) cancel()
  }

  override def onStageSubmitted(event: SparkListenerStageSubmitted): Unit = {
    val of = Option(event.properties).flatMap(properties => Option(properties.getProperty(FaultWatch.RunProperty)))
    if (of.exists(name => name == run || name.startsWith(s"$run/"))) stages.add(event.stageInfo.stageId)
  }

  override def onTaskStart(event: SparkListenerTaskStart): Unit = if (stages.contains(event.stageId)) {
    crew.add(event.taskInfo.executorId)
    visited.add(event.taskInfo.executorId)
  }

  override def onTaskEnd(event: SparkListenerTaskEnd): Unit = event.reason match {
    case _: TaskKilled => // somebody ended it; nothing was lost
    case reason: TaskFailedReason if stages.contains(event.stageId) && !ExecutorDeath.isAftermath(reason) =>
      val (task, attempt) = (event.taskInfo.index, event.taskInfo.attemptNumber)
      val why = reason.toErrorString.linesIterator.next()
      val fatal = death.of(event.taskInfo.executorId, reason)
      val next = if (fatal.isEmpty) "Spark runs it again" else "it would fail again"
      report(s"attempt $attempt of partition $task in stage ${event.stageId} failed: $why", next)
      fatal.foreach(fail)
      if (excludes && reason.countTowardsTaskFailures) failed(task, event.taskInfo.executorId, reason)
    case _ =>
  }

  /** Spark does not try it again in that executor, yet would wait for it. */
  private def failed(worker: Int, executor: String, reason: TaskFailedReason): Unit = current.foreach { attempt =>
    attempt.placement.avoid(worker, executor)
    attempt.failed = attempt.failed.orElse(Some(reason match {
      case failure: ExceptionFailure => failure.exception.getOrElse(new SparkException(failure.toErrorString))
      case other                     => new SparkException(other.toErrorString)
    }))
    cancel()
  }

  private def fail(why: FiresteelException): Unit = {
    current.foreach(attempt => attempt.fatal = attempt.fatal.orElse(Some(why)))
    cancel()
  }

  override def onExecutorRemoved(event: SparkListenerExecutorRemoved): Unit = {
    val id = event.executorId
    if (crew.remove(id) | current.exists(_.placement.uses(id))) {
      val why = event.reason.linesIterator.nextOption().getOrElse("no reason given")
      val remedy = death.remedy(why).fold("")(what => s" ($what)")
      if (!current.exists(_.fatal.nonEmpty))
        report(
          s"executor $id was lost: $why$remedy",
          s"its workers are built again from their partitions, and ${redo.words}"
        )
      death.of(id, event.reason).foreach(fail)
      current.foreach(_.lost = Some(why))
      cancel()
    }
  }

  /** Whether `name` is the run itself, and none below it. */
  def isMain(name: String): Boolean = name == run

  /** Executors that ever ran tasks of this run, and may keep something of it. */
  def visitedExecutors: Set[String] = visited.asScala.toSet

  /** Whether nothing is asked again any more. */
  def isOver: Boolean = over

  /** Ends the job under way in `repeating`, which does not ask for it again. */
  def end(): Unit = {
    over = true
    cancel()
  }

  private def cancel(): Unit = if (!sc.isStopped) sc.cancelJobsWithTag(tag)

  def close(): Unit = {
    looking.shutdownNow()
    sc.removeSparkListener(this)
  }
}

private[train] object FaultWatch {
  private val log = LoggerFactory.getLogger(classOf[FaultWatch])

  /** The local property that marks jobs of a run. */
  val RunProperty = "firesteel.run"

  /** What becomes of a job that is asked again.
    *
    * @param words for people
    * @param spreads whether it is long, so that slots which come free are worth asking it again
    * @param hosted whether executors hold something for it apart from its own tasks
    */
  final case class Redo(words: String, spreads: Boolean, hosted: Boolean)

  /** One round of many. */
  val Round: Redo = Redo("the round is done again", spreads = false, hosted = false)

  /** A whole stage. */
  val Stage: Redo = Redo("all go on from the center with what is left of the budget", spreads = true, hosted = false)

  private val Excluding = Seq("spark.excludeOnFailure.enabled", "spark.excludeOnFailure.taskAndStage.enabled")
  private val MostLosses = 8 // in a row in one job; a cluster that loses more will not finish a round
  private val LastingSeconds = 120L // what went on for longer was no failed start; a stage may last for days
  private val ReplacementSeconds = 10L // a standalone cluster starts an executor in 2 to 5
  private val StartSeconds = 3L // executors of one application register within seconds; some runs have fewer slots
  private val PollMillis = 100L
  private val LookMillis = 500L
  private val LooksBeforeMoving = 4 // an executor that came may be the first of several
}
