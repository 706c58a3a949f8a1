// Waits for the task slots of a long stage, in which all workers must run at once: workers that wait for each other
// would wait for ever for one without a slot, and a task whose executor is full waits there for spark.locality.wait.
package io.firesteel.train.placement

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.firesteel.TaskSlots
import java.util.concurrent.TimeUnit.SECONDS
import org.apache.spark.SparkContext

private[train] object Slots {
  private val PollMillis = 100L
  private val ReplacementSeconds = 600L
  private val TellSeconds = 2L // tasks that were killed end within a minibatch

  /** Waits until there are `workers` slots, for as long as Spark itself waits for executors to register.
    *
    * @throws FiresteelException of kind config where they did not come
    */
  def await(sc: SparkContext, workers: Int): Unit = await(sc, workers, if (sc.isLocal) 0 else patience(sc))(false)

  /** The same after an executor was lost: long enough for a cluster to start another machine. `over` says that the run
    * ended meanwhile.
    */
  def awaitAgain(sc: SparkContext, workers: Int)(over: => Boolean): Unit =
    await(sc, workers, math.max(patience(sc), ReplacementSeconds))(over)

  private def await(sc: SparkContext, workers: Int, seconds: Long)(over: => Boolean): Unit = {
    val deadline = System.nanoTime() + SECONDS.toNanos(seconds)
    while (TaskSlots.now(sc) < workers && deadline - System.nanoTime() > 0 && !over) Thread.sleep(PollMillis)
    val slots = TaskSlots.now(sc)
    if (slots < workers) throw new FiresteelException(Kind.CONFIG, refusal(sc, workers, slots))
  }

  /** Waits until a slot is free for each worker, reserves them, and runs `body`. Another run of this application that
    * has reserved them is waited for until it ends; tasks of other jobs only as long as Spark waits for executors,
    * since nothing tells when they end.
    *
    * @param report called once if there is something to wait for
    * @param over whether the run has ended, which ends the waiting
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
    released(placement)(body)
  }

  /** Reserves a slot for each worker, busy or not, and runs `body`: workers that do not wait for each other may start
    * later.
    */
  def holdingAny[A](placement: Placement)(body: => A): A = {
    placement.hold(Placement.AllSlots)
    released(placement)(body)
  }

  private def released[A](placement: Placement)(body: => A): A =
    try body
    finally placement.release()

  private def patience(sc: SparkContext): Long =
    sc.getConf.getTimeAsSeconds("spark.scheduler.maxRegisteredResourcesWaitingTime", "30s")

  private def refusal(sc: SparkContext, workers: Int, slots: Int): String = {
    val have = if (slots == 1) "1 task slot" else s"$slots task slots"
    val fewer = if (slots > 0) s"set workers to at most $slots, or " else ""
    val more = if (sc.isLocal) s"use --master local[$workers]" else "give spark-submit more executors or cores"
    s"$workers workers run at once, but ${if (sc.isLocal) sc.master else "the cluster"} has $have: $fewer$more"
  }
}
