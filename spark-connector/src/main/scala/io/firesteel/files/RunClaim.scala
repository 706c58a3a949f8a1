// A run's claim on its directory: the file `.firesteel.claim.N`. The claim with the highest number is valid. To
// take over from a dead run, a run creates the file with the next number, which the file system allows only one of
// several to do; the dead run's file is not removed first. The holder rewrites its file now and then, so that other
// machines can tell that it is alive.
package io.firesteel.files

import io.firesteel.{Failure, FiresteelException}
import io.firesteel.jni.Kind
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.{Executors, TimeUnit}
import org.apache.hadoop.util.ShutdownHookManager
import org.slf4j.LoggerFactory
import scala.annotation.tailrec
import scala.util.Using
import scala.util.control.NonFatal

private[firesteel] final class RunClaim private (
    storage: Storage,
    purpose: Purpose,
    number: Int,
    me: Holder,
    begun: RunClaim.Moment,
    clock: () => RunClaim.Moment
) {
  import RunClaim._

  @volatile private var holder = me
  @volatile private var renewed = begun // when the last renewal that succeeded began
  @volatile private var lost = Option.empty[String]
  private val released = new AtomicBoolean
  private val name = s"$Prefix$number"
  private val keeper = Executors.newSingleThreadScheduledExecutor { task =>
    val thread = new Thread(task, "firesteel-claim")
    thread.setDaemon(true)
    thread
  }
  private val hook: Runnable = () => release()

  /** Adds Spark's application id to the claim. */
  def addApplication(application: String): Unit = {
    holder = holder.copy(application = Some(application))
    renew()
  }

  /** Shows that this run is alive; throws if another run has the directory now. Only one thread at a time renews or
    * looks: where a rename cannot replace a file, the claim is missing for a moment while it is renewed.
    */
  def renew(): Unit = synchronized {
    if (!released.get) {
      val begun = clock()
      confirm()
      storage.replace(name)(_.write(holder.json))
      renewed = begun
    }
  }

  /** Throws if another run has the directory now, because this one was suspended or disconnected for longer than the
    * lease.
    */
  def confirm(): Unit = synchronized {
    lost.foreach(refuse)
    val there = claims(storage).lastOption
    val holds = there.map(_._1).contains(number) && read(storage, name).forall(_.id == me.id)
    if (!holds) {
      val by = there.flatMap { case (_, other) => read(storage, other) }.filter(_.id != me.id)
      val what = by.fold("the claim of this run is gone")(other => s"taken over by ${other.description}")
      lost = Some(what)
      refuse(what)
    }
  }

  /** Throws as [[confirm]] does, but asks the file system only where another run may have taken over: as long as the
    * last renewal is younger than the lease, none may. Cheap enough for every line that is written.
    */
  def confirmLease(): Unit = {
    lost.foreach(refuse)
    if (clock().secondsSince(renewed) >= StaleSeconds) renew()
  }

  private def refuse(what: String): Nothing =
    throw new FiresteelException(Kind.IO, s"${purpose.name} ${storage.location("")}: $what")

  /** Releases the directory; may be called again, from any thread. */
  def release(): Unit = if (released.compareAndSet(false, true)) {
    keeper.shutdownNow()
    val hooks = ShutdownHookManager.get()
    if (!hooks.isShutdownInProgress) hooks.removeShutdownHook(hook)
    synchronized { // no renewal makes the file again
      for ((other, old) <- claims(storage) if other <= number) storage.remove(old)
    }
  }

  private def keep(): Unit = {
    ShutdownHookManager.get().addShutdownHook(hook, HookPriority, HookSeconds, TimeUnit.SECONDS)
    val renewing: Runnable = () =>
      try renew()
      catch {
        case e: FiresteelException => log.error(Failure.line(e)) // the next line or file that is written fails with it
        case NonFatal(e)           => log.warn(s"renew ${storage.location(name)}: ${Failure.line(e)}")
      }
    keeper.scheduleWithFixedDelay(renewing, RenewSeconds, RenewSeconds, TimeUnit.SECONDS)
  }
}

private[firesteel] object RunClaim {

  /** Seconds for which the claim of a run on another machine is valid after its last renewal. */
  val LeaseSeconds = 120L
  val Prefix = ".firesteel.claim."

  private val log = LoggerFactory.getLogger(classOf[RunClaim])
  private val PollSeconds = 1L
  private val RenewSeconds = 20L // several may fail before the lease ends
  private val StaleSeconds = LeaseSeconds / 2 // the other half is left for a line on its way to the file
  private val AttemptSeconds = LeaseSeconds + RenewSeconds // in which an earlier attempt's claim ends, if it is dead
  private val HookPriority = 90 // after the command line's own hook (100), before Hadoop closes its file systems (10)
  private val HookSeconds = 10L

  /** A moment by two clocks of this machine: the monotonic one stands still while the machine is suspended, and the
    * other one may be set back.
    */
  private[firesteel] final case class Moment(nanos: Long, millis: Long) {
    def secondsSince(earlier: Moment): Long =
      math.max(TimeUnit.NANOSECONDS.toSeconds(nanos - earlier.nanos), (millis - earlier.millis) / 1000)
  }

  /** Claims the directory of `storage`, which is there. The claim of an earlier attempt of the same submission is waited
    * for: its cluster manager gave it up, so it is dead or dying.
    *
    * @param pause waits so many seconds
    * @param clock the present moment
    * @throws FiresteelException of kind config, which names the holder, if a run that is alive has it
    */
  def take(
      storage: Storage,
      purpose: Purpose,
      me: Holder = Holder.self(),
      pause: Long => Unit = TimeUnit.SECONDS.sleep(_),
      clock: () => Moment = () => Moment(System.nanoTime(), System.currentTimeMillis())
  ): RunClaim = {
    val number = awaitFree(storage, purpose, me, pause) + 1
    val mine = s"$Prefix$number"
    val begun = clock()
    if (!storage.createNew(mine, me.json)) refuse(storage, purpose, mine)
    // By now another run may have made a higher claim; and if the store does not guarantee that only one of several
    // creates a file, another run may have replaced this one.
    val (highest, name) = claims(storage).lastOption.getOrElse((number, mine))
    if (highest != number) {
      storage.remove(mine)
      refuse(storage, purpose, name)
    }
    if (read(storage, mine).exists(_.id != me.id)) refuse(storage, purpose, mine)
    for ((other, old) <- claims(storage) if other < number) storage.remove(old)
    val claim = new RunClaim(storage, purpose, number, me, begun, clock)
    claim.keep()
    claim
  }

  /** Numbers and names of all claims, the highest last. */
  private def claims(storage: Storage): Seq[(Int, String)] =
    storage.names
      .filter(_.startsWith(Prefix))
      .flatMap(name => name.drop(Prefix.length).toIntOption.map(_ -> name))
      .sorted

  /** None if the claim was removed, or is not written yet. */
  private def read(storage: Storage, name: String): Option[Holder] =
    storage.open(name).flatMap(Using.resource(_)(file => Holder.parse(file.in.readAllBytes())))

  /** Waits until no run that lives holds the directory, and answers the highest number of a claim in the listing that
    * showed it, 0 without any. A claim that came after that listing must be told from those that are free, so the
    * directory is not listed again.
    */
  @tailrec private def awaitFree(
      storage: Storage,
      purpose: Purpose,
      me: Holder,
      pause: Long => Unit,
      waited: Long = 0
  ): Int = {
    val highest = claims(storage).lastOption
    val living = highest.flatMap { case (_, name) => alive(storage, name, me) }
    if (living.isEmpty) highest.fold(0)(_._1)
    else {
      val alive = living.get
      val attempt = alive.holder.filter(_.isAttemptWith(me))
      if (attempt.isEmpty || waited >= AttemptSeconds) refuse(storage, purpose, alive.name, alive.lease)
      if (waited == 0)
        log.warn(
          s"${purpose.name} ${storage.location("")} is held by an earlier attempt of this submission, " +
            s"${attempt.get.description}: waiting for its end, $AttemptSeconds s at most"
        )
      pause(PollSeconds)
      awaitFree(storage, purpose, me, pause, waited + PollSeconds)
    }
  }

  /** A claim whose run lives, as far as one can tell. */
  private final case class Alive(name: String, holder: Option[Holder], lease: String)

  private def alive(storage: Storage, name: String, me: Holder): Option[Alive] =
    read(storage, name) match {
      case Some(holder) if holder.isOfThisMachine => Option.when(holder.runs)(Alive(name, Some(holder), ""))
      case holder                                 =>
        secondsSince(storage, name, me).filter(_ < LeaseSeconds).map { age =>
          val lease = s" (renewed $age s ago; a claim of another machine is free after $LeaseSeconds s)"
          Alive(name, holder, lease)
        }
    }

  /** Measured by the clock of the file system, since clocks of machines may differ. */
  private def secondsSince(storage: Storage, name: String, me: Holder): Option[Long] = {
    val probe = s".firesteel.now.${me.id}"
    storage.createNew(probe, Array.emptyByteArray)
    try
      for (now <- storage.modified(probe); renewed <- storage.modified(name))
        yield TimeUnit.MILLISECONDS.toSeconds(now - renewed)
    finally storage.remove(probe)
  }

  private def refuse(storage: Storage, purpose: Purpose, name: String, lease: String = ""): Nothing = {
    val by = read(storage, name).fold("a run that is just beginning, or was cut off as it began")(_.description)
    throw new FiresteelException(
      Kind.CONFIG,
      s"${purpose.name} ${storage.location("")} is held by $by$lease: wait for its end or ${purpose.remedy}"
    )
  }
}
