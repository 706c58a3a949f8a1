// Counts the task slots of the application, and waits for those of a stage in which all workers run at once and exchange
// with each other: workers that wait for each other would wait for ever for one without a slot, and a task whose executor
// is full waits for it and does not go elsewhere (spark.locality.wait.process, see SparkDefaults).
package io.firesteel.train.placement

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.firesteel.{Supply, SupplyRequest, TaskSlots}
import java.util.concurrent.TimeUnit.{MILLISECONDS, SECONDS}
import org.apache.spark.SparkContext

private[train] object Slots {
  private val PollMillis = 100L
  private val QuietSeconds = 5L // executors that are started together register within seconds of each other
  private val ReplacementSeconds = 600L
  private val TellSeconds = 2L // shorter waits are usual after a loss, and not worth a message

  /** The number of task slots, once the executors have registered. That is so when there are `wanted` slots; when all
    * executors are there that the application's settings promise; or, if they promise no number, when none has registered
    * for `QuietSeconds`. After spark.scheduler.maxRegisteredResourcesWaitingTime it is the number of that moment, which may
    * be 0. In local Spark the number is known at once.
    *
    * @param wanted slots that are enough
    * @param tell called with a message if the waiting takes longer than `TellSeconds`
    * @param over whether the run has ended, which ends the waiting
    */
  def settled(sc: SparkContext, wanted: Option[Int], tell: String => Unit, over: => Boolean = false): Int = {
    if (!sc.isLocal) {
      val supply = wanted.flatMap(_ => Supply.onDemand(sc.getConf)).getOrElse(Supply.of(sc.getConf))
      val request = new SupplyRequest(sc)
      watched(sc, patienceLeft(sc), tell) {
        (wanted, supply) match {
          case (Some(slots), _)                         => request.ensureSlots(slots)
          case (None, Supply.Executors(count))          => request.ensureExecutors(count)
          case (None, Supply.Cores(_) | Supply.Unknown) =>
        }
        wanted.exists(TaskSlots.now(sc) >= _) || isComplete(sc, supply) || over
      }
    }
    TaskSlots.now(sc)
  }

  private def isComplete(sc: SparkContext, supply: Supply): Boolean = supply match {
    case Supply.Executors(count) => TaskSlots.executors(sc).size >= count
    case Supply.Cores(count)     => TaskSlots.cores(sc) >= count
    case Supply.Unknown          =>
      TaskSlots.now(sc) > 0 && TaskSlots.quietMillis(sc).exists(_ >= SECONDS.toMillis(QuietSeconds))
  }

  /** Waits until there are `workers` slots, for as long as Spark itself waits for executors to register.
    *
    * @param tell as for `settled`, and `over`
    * @throws FiresteelException of kind config if there are fewer by then
    */
  def await(sc: SparkContext, workers: Int, tell: String => Unit, over: => Boolean): Unit =
    await(sc, workers, if (sc.isLocal) 0 else patienceLeft(sc), tell)(over)

  /** The same before a job of a run that has begun: after a loss, long enough for a cluster to start another machine.
    *
    * @param over whether the run has ended, which ends the waiting without a failure: the run has one already
    */
  def awaitAgain(sc: SparkContext, workers: Int)(over: => Boolean): Unit =
    await(sc, workers, math.max(patience(sc), ReplacementSeconds), _ => ())(over)

  private def await(sc: SparkContext, workers: Int, seconds: Long, tell: String => Unit)(over: => Boolean): Unit = {
    val request = new SupplyRequest(sc)
    watched(sc, seconds, tell) {
      request.ensureSlots(workers)
      TaskSlots.now(sc) >= workers || over
    }
    val slots = TaskSlots.now(sc)
    if (slots < workers && !over) throw new FiresteelException(Kind.CONFIG, refusal(sc, workers, slots))
  }

  /** Waits until `enough`, for `seconds` at most. */
  private def watched(sc: SparkContext, seconds: Long, tell: String => Unit)(enough: => Boolean): Unit = {
    val begin = System.nanoTime()
    def lasted(limit: Long) = System.nanoTime() - begin > SECONDS.toNanos(limit)
    var told = false
    while (!enough && !lasted(seconds)) {
      if (!told && lasted(TellSeconds)) {
        told = true
        tell(s"waiting for executors for at most $seconds s: ${counted(TaskSlots.now(sc))} so far")
      }
      Thread.sleep(PollMillis)
    }
  }

  /** Waits until a slot is free for each worker, reserves them, and runs `body`. Another run of this application that
    * has reserved them is waited for until it ends; tasks of other jobs only as long as Spark waits for executors,
    * since nothing tells when they end: then `body` runs without a reservation, and its tasks wait in Spark's queue.
    *
    * @param report called once, after `TellSeconds`, with what is waited for and what that means
    * @param over whether the run has ended, which ends the waiting; then `body` finds the run's failure
    */
  def holding[A](
      sc: SparkContext,
      run: String,
      placement: Placement,
      report: (String, String) => Unit,
      over: => Boolean
  )(body: => A): A = {
    val begin = System.nanoTime()
    def lasted(seconds: Long) = System.nanoTime() - begin > SECONDS.toNanos(seconds)
    def waits = Placement.isShared(sc, run) || !lasted(patience(sc))
    var told = false
    while (!placement.hold(Placement.FreeSlots) && waits && !over) {
      if (!told && lasted(TellSeconds)) {
        told = true
        val free = Placement.free(sc, run)
        report(
          s"task slots are in use by other jobs: $free are free",
          "the stage waits for one for each of its workers"
        )
      }
      Thread.sleep(PollMillis)
    }
    andRelease(placement)(body)
  }

  /** Reserves a slot for each worker, busy or not, and runs `body`: workers that do not wait for each other may start
    * later.
    */
  def holdingAny[A](placement: Placement)(body: => A): A = {
    placement.hold(Placement.AllSlots)
    andRelease(placement)(body)
  }

  private def andRelease[A](placement: Placement)(body: => A): A =
    try body
    finally placement.release()

  private def patience(sc: SparkContext): Long =
    sc.getConf.getTimeAsSeconds("spark.scheduler.maxRegisteredResourcesWaitingTime", "30s")

  /** Seconds for which executors are still waited for. Spark's limit counts from the start of the application, so that
    * its later runs do not wait again for executors that never register. If there are none, or they were requested just
    * now, the limit counts from now.
    */
  private def patienceLeft(sc: SparkContext): Long =
    if (TaskSlots.now(sc) == 0 || Supply.isDynamic(sc.getConf)) patience(sc)
    else math.max(QuietSeconds, patience(sc) - MILLISECONDS.toSeconds(System.currentTimeMillis() - sc.startTime))

  /** The failure of a run without `workers` and without any slot. */
  def unknown(sc: SparkContext): FiresteelException = {
    val why =
      if (Supply.isDynamic(sc.getConf))
        "dynamic allocation has no executor: give workers, or set spark.dynamicAllocation.minExecutors or maxExecutors"
      else
        s"no executor came within ${patience(sc)} s: give workers, or raise " +
          "spark.scheduler.maxRegisteredResourcesWaitingTime if the cluster has room for executors later"
    new FiresteelException(Kind.CONFIG, s"how many workers the cluster has slots for is unknown, since $why")
  }

  private def refusal(sc: SparkContext, workers: Int, slots: Int): String = {
    val limit = TaskSlots.limit(sc).fold("") { case (setting, value) => s" ($setting is $value)" }
    val fewer = if (slots > 0) s"set workers to at most $slots, or " else ""
    val most = Supply.mostExecutors(sc.getConf).filter { count =>
      Supply.isDynamic(sc.getConf) && TaskSlots.executors(sc).size >= count
    }
    val more =
      if (sc.isLocal) s"use --master local[${workers.toLong * TaskSlots.coresOfTask(sc)}]"
      else
        most.fold("give spark-submit more executors or cores")(n =>
          s"raise spark.dynamicAllocation.maxExecutors (now $n)"
        )
    s"$workers workers run at once, but ${if (sc.isLocal) sc.master else "the cluster"} has ${counted(slots)}$limit: " +
      s"$fewer$more"
  }

  private def counted(slots: Int): String = if (slots == 1) "1 task slot" else s"$slots task slots"
}
