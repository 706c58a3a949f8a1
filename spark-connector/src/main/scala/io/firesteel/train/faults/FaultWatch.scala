// Watches the executors of a run: reports what was lost, and runs a job again whose workers must move to other
// executors. Spark does not change the preferred locations of tasks once they are submitted, so those of an executor
// that is lost, being decommissioned or excluded would wait for all of spark.locality.wait. A new job gets new
// locations; what is lost is the work since the last exchange.
package io.firesteel.train.faults

import io.firesteel.{FiresteelException, Uninterrupted}
import io.firesteel.train.placement.Placement
import io.firesteel.train.run.RunStopped
import org.apache.spark.firesteel.{JobCancellation, Listeners}
import java.util.concurrent.{ConcurrentHashMap, Executors, TimeUnit}
import java.util.concurrent.TimeUnit.SECONDS
import org.apache.spark.scheduler._
import org.apache.spark.{ExceptionFailure, SparkContext, SparkException, TaskFailedReason, TaskKilled}
import org.slf4j.LoggerFactory
import scala.annotation.tailrec
import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

/** Watches from construction to close.
  *
  * @param run its jobs, and those of runs named `run/...`, are watched
  * @param report called with what was lost and what is done about it, on threads of Spark and of this object
  * @param policy what happens to a job whose executor was lost
  * @param overhead bytes that an executor's workers take beside its heap, if that was estimated
  */
private[train] final class FaultWatch(
    sc: SparkContext,
    run: String,
    val report: (String, String) => Unit,
    policy: FaultWatch.RetryPolicy = FaultWatch.Round,
    overhead: Option[Long] = None
) extends SparkListener
    with AutoCloseable {
  private val tag = s"firesteel-$run"
  private val stages = ConcurrentHashMap.newKeySet[Int]()
  private val inUse = ConcurrentHashMap.newKeySet[String]() // executors with tasks of the run or parts of the center
  private val everUsed = ConcurrentHashMap.newKeySet[String]() // executors that have run a task of the run
  private val excludes = FaultWatch.Excluding.exists(sc.getConf.getBoolean(_, defaultValue = false))
  private val death = new ExecutorDeath(sc.getConf, overhead)
  private val maxFailures = sc.getConf.getInt("spark.task.maxFailures", 4)
  private var mostAtOnce = 0 // the most workers that could run at once so far; used by the job's thread only
  @volatile private var current = Option.empty[Attempt]
  private val running = ConcurrentHashMap.newKeySet[Long]() // tasks of the run
  @volatile private var over = false
  @volatile private var ending = Option.empty[Throwable] // what the run ends with, if it is ended by its listener

  sc.addSparkListener(this)
  private val checking = Executors.newSingleThreadScheduledExecutor { task =>
    val thread = new Thread(task, "firesteel-fault-watch")
    thread.setDaemon(true)
    thread
  }
  checking.scheduleWithFixedDelay(() => check(), FaultWatch.CheckMillis, FaultWatch.CheckMillis, TimeUnit.MILLISECONDS)

  /** Ends the run once `stops`, which is asked ten times a second, is true or throws: the job under way and all later
    * ones fail with [[io.firesteel.train.run.RunStopped]], or with what it throws.
    */
  def endsWhen(stops: => Boolean): Unit = {
    def look(): Unit = {
      if (ending.isEmpty)
        ending =
          try Option.when(stops)(new RunStopped)
          catch { case NonFatal(e) => Some(e) }
      if (ending.nonEmpty) end() // each time, since a job may have been about to be submitted
    }
    checking.scheduleWithFixedDelay(() => look(), 0, FaultWatch.PollMillis, TimeUnit.MILLISECONDS)
  }

  /** One submission of a job. */
  private final class Attempt(val placement: Placement) {
    private val begin = System.nanoTime()
    @volatile var lost = Option.empty[String] // why an executor of the job ended
    @volatile var fatal = Option.empty[FiresteelException] // a failure that another attempt would meet again
    @volatile var moved = false // workers must move to other executors
    @volatile var failed = Option.empty[Throwable] // why a task failed that may be tried again in another executor only
    @volatile var uneven = 0 // checks in a row that found free slots to which workers should move

    /** Whether the job must be cancelled. */
    def isVoid: Boolean = lost.nonEmpty || moved || failed.nonEmpty || fatal.nonEmpty

    /** Whether it ran for so long that a loss does not count as another one in a row. */
    def lasted: Boolean = System.nanoTime() - begin > SECONDS.toNanos(FaultWatch.LastingSeconds)
  }

  /** Runs `job`, which submits one Spark job with tasks at the executors of `placement`. It is run again until it
    * succeeds or fails for a reason that is not the loss of an executor.
    */
  def repeating[A](placement: Placement)(job: => A): A = {
    sc.addJobTag(tag)
    try repeated(placement, job, FaultWatch.MaxLosses, failures = 0)
    catch {
      case e: Throwable =>
        if (e.isInstanceOf[InterruptedException]) end() // Spark goes on with the job of an interrupted thread
        Uninterrupted(awaitTasks())
        throw e
    } finally {
      current = None
      placement.clearAvoided()
      sc.removeJobTag(tag)
    }
  }

  @tailrec private def repeated[A](placement: Placement, job: => A, left: Int, failures: Int): A = {
    val attempt = new Attempt(placement)
    if (mostAtOnce == 0 && !sc.isLocal) awaitSlots(placement, placement.workers, FaultWatch.StartSeconds)
    else if (placement.isStale) awaitSlots(placement, mostAtOnce, FaultWatch.ReplacementSeconds)
    placement.update()
    // the loss of an executor without workers does not matter
    inUse.removeIf(id => !policy.hostsParts && !placement.uses(id))
    mostAtOnce = math.max(mostAtOnce, placement.workersWithSlot)
    ending.foreach(why => throw why)
    current = Some(attempt)
    outcome(job) match {
      case Right(result)                                 => result
      case Left(_) if attempt.fatal.nonEmpty             => throw attempt.fatal.get
      case Left(e) if over                               => throw ending.getOrElse(e)
      case Left(e) if JobCancellation.isByOthers(e, tag) => throw e
      case Left(e) if attempt.lost.nonEmpty              =>
        val fewer = if (attempt.lasted) FaultWatch.MaxLosses else left - 1
        if (fewer == 0) throw attempt.lost.flatMap(death.tooOften(_, FaultWatch.MaxLosses)).getOrElse(e)
        repeated(placement, job, fewer, failures)
      case Left(_) if attempt.failed.nonEmpty =>
        if (failures + 1 >= maxFailures)
          throw new SparkException(s"a task failed $maxFailures times", attempt.failed.get)
        repeated(placement, job, left, failures + 1)
      case Left(_) if attempt.moved => repeated(placement, job, left, failures)
      case Left(e)                  => throw e
    }
  }

  /** The result, or Spark's failure. One whose cause is an exception of Firesteel is not due to a lost executor:
    * thrown.
    */
  private def outcome[A](job: => A): Either[SparkException, A] =
    try Right(job)
    catch {
      case e: SparkException if !FiresteelException.unwrap(e).isInstanceOf[FiresteelException] =>
        Listeners.drain(sc) // the event that tells why may not have been delivered yet
        Left(e)
    }

  /** Waits until `wanted` workers have a slot each. A worker that is built now in one of few executors would be built
    * again as soon as another executor has registered.
    */
  private def awaitSlots(placement: Placement, wanted: Int, seconds: Long): Unit = {
    val deadline = System.nanoTime() + SECONDS.toNanos(seconds)
    while (!over && placement.workersWithSlot < wanted && deadline - System.nanoTime() > 0)
      Thread.sleep(FaultWatch.PollMillis)
  }

  /** Cancels an attempt whose workers must move, at every check, since it may not have submitted its job yet. */
  private def check(): Unit =
    try current.foreach(check)
    catch { case NonFatal(e) if !sc.isStopped => FaultWatch.log.warn(s"check the executors of run $run", e) }

  private def check(attempt: Attempt): Unit = {
    val placement = attempt.placement
    attempt.uneven = if (policy.movesToFreeSlots && placement.isUneven) attempt.uneven + 1 else 0
    if (placement.isStale && placement.workersWithSlot > 0 || attempt.uneven >= FaultWatch.ChecksBeforeMoving)
      attempt.moved = true
    if (attempt.isVoid) cancel()
  }

  override def onStageSubmitted(event: SparkListenerStageSubmitted): Unit = {
    val of = Option(event.properties).flatMap(properties => Option(properties.getProperty(FaultWatch.RunProperty)))
    if (of.exists(name => name == run || name.startsWith(s"$run/"))) stages.add(event.stageInfo.stageId)
  }

  override def onTaskStart(event: SparkListenerTaskStart): Unit = if (stages.contains(event.stageId)) {
    running.add(event.taskInfo.taskId)
    inUse.add(event.taskInfo.executorId)
    everUsed.add(event.taskInfo.executorId)
  }

  override def onTaskEnd(event: SparkListenerTaskEnd): Unit = {
    running.remove(event.taskInfo.taskId)
    ended(event)
  }

  private def ended(event: SparkListenerTaskEnd): Unit = event.reason match {
    case _: TaskKilled => // cancelled on purpose: nothing was lost
    case reason: TaskFailedReason if stages.contains(event.stageId) && !ExecutorDeath.isAftermath(reason) =>
      ExecutorDeath.certain(reason) match {
        case Some(failure) => fail(failure) // which ends the run, so it is told once, as the end
        case None          => failedOnce(event, reason)
      }
    case _ =>
  }

  private def failedOnce(event: SparkListenerTaskEnd, reason: TaskFailedReason): Unit = {
    val (task, attempt) = (event.taskInfo.index, event.taskInfo.attemptNumber)
    val why = reason.toErrorString.linesIterator.next()
    val fatal = death.of(event.taskInfo.executorId, reason)
    val next = if (fatal.isEmpty) "Spark runs it again" else "it would fail again"
    report(s"attempt $attempt of partition $task in stage ${event.stageId} failed: $why", next)
    fatal.foreach(fail)
    if (excludes && reason.countTowardsTaskFailures) failed(task, event.taskInfo.executorId, reason)
  }

  /** Spark would not run the task again in that executor, which it excludes, but wait for that executor. */
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
    if (inUse.remove(id) | current.exists(_.placement.uses(id))) {
      val why = event.reason.linesIterator.nextOption().getOrElse("no reason given")
      val remedy = death.remedy(why).fold("")(what => s" ($what)")
      if (!current.exists(_.fatal.nonEmpty))
        report(
          s"executor $id was lost: $why$remedy",
          s"its workers are built again from their partitions, and ${policy.description}"
        )
      death.of(id, event.reason).foreach(fail)
      current.foreach(_.lost = Some(why))
      cancel()
    }
  }

  /** Whether `name` is that of the run itself, not of one below it. */
  def isMain(name: String): Boolean = name == run

  /** Executors that have run tasks of the run, and may hold workers of it. */
  def executorsEverUsed: Set[String] = everUsed.asScala.toSet

  /** Whether the run has ended: no job is run again. */
  def isOver: Boolean = over

  /** Cancels the job under way in [[repeating]], which is not run again. */
  def end(): Unit = {
    over = true
    cancel()
  }

  /** Waits until no task of the run is left, for `TasksSeconds` at most. Those of a job that was cancelled outlive it: they
    * would keep workers that were freed before, and wait for an exchanger that was closed.
    */
  private def awaitTasks(): Unit =
    try {
      Listeners.drain(sc) // which know which tasks run
      val deadline = System.nanoTime() + SECONDS.toNanos(FaultWatch.TasksSeconds)
      while (!sc.isStopped && !running.isEmpty && deadline - System.nanoTime() > 0)
        Thread.sleep(FaultWatch.PollMillis)
    } catch { case NonFatal(e) => FaultWatch.log.warn(s"wait for the tasks of run $run", e) }

  private def cancel(): Unit = if (!sc.isStopped) sc.cancelJobsWithTag(tag)

  def close(): Unit = {
    checking.shutdownNow()
    sc.removeSparkListener(this)
  }
}

private[train] object FaultWatch {
  private val log = LoggerFactory.getLogger(classOf[FaultWatch])

  /** The local property of Spark jobs that names their run. */
  val RunProperty = "firesteel.run"

  /** What happens to a job after a loss.
    *
    * @param description for messages
    * @param movesToFreeSlots whether the job is so long that it is worth running it again to use slots that became free
    * @param hostsParts whether executors also host parts of the center
    */
  final case class RetryPolicy(description: String, movesToFreeSlots: Boolean, hostsParts: Boolean)

  /** One round of many. */
  val Round: RetryPolicy = RetryPolicy("the round is done again", movesToFreeSlots = false, hostsParts = false)

  /** A whole stage. */
  val Stage: RetryPolicy = RetryPolicy(
    "all go on from the center with what is left of the budget",
    movesToFreeSlots = true,
    hostsParts = false
  )

  private val Excluding = Seq("spark.excludeOnFailure.enabled", "spark.excludeOnFailure.taskAndStage.enabled")
  private val MaxLosses = 8 // in a row in one job; a cluster that loses more cannot finish a round
  private val LastingSeconds = 120L // an attempt that ran for longer did not fail at its start
  private val ReplacementSeconds = 10L // a standalone cluster starts an executor in 2 to 5
  private val StartSeconds = 3L // executors register one after the other; there may be fewer slots than workers
  private val TasksSeconds = 10L // a minibatch of a large net takes seconds
  private val PollMillis = 100L
  private val CheckMillis = 500L
  private val ChecksBeforeMoving = 4 // an executor that came may be the first of several
}
