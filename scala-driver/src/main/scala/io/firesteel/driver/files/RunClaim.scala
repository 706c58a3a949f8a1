// One run's hold on its output directory: the file `.firesteel.claim.N`. Claims are numbered and the highest holds, so
// that a dead run's is taken over by making the next one, which the file system lets one of several do; nobody removes a
// claim to make room. The holder renews its file, so that other machines can tell that it lives.
package io.firesteel.driver.files

import io.firesteel.FiresteelException
import io.firesteel.driver.console.Failure
import io.firesteel.jni.Kind
import org.apache.hadoop.util.ShutdownHookManager
import org.slf4j.LoggerFactory

import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.{Executors, TimeUnit}
import scala.util.Using
import scala.util.control.NonFatal

private[driver] final class RunClaim private (storage: Storage, number: Int, me: Holder) {
  import RunClaim._

  @volatile private var holder = me
  private val released = new AtomicBoolean
  private val name = s"$Prefix$number"
  private val keeper = Executors.newSingleThreadScheduledExecutor { task =>
    val thread = new Thread(task, "firesteel-claim")
    thread.setDaemon(true)
    thread
  }
  private val hook: Runnable = () => release()

  /** Also tells Spark's name for the run. */
  def tell(application: String): Unit = {
    holder = holder.copy(application = Some(application))
    renew()
  }

  /** Says that this run lives, or throws that another holds the directory now. */
  def renew(): Unit = {
    confirm()
    storage.replace(name)(_.write(holder.json))
  }

  /** Throws if another run holds the directory by now: this one was suspended, or cut off, for longer than the lease. */
  def confirm(): Unit = {
    val there = claims(storage).lastOption
    val holds = there.map(_._1).contains(number) && read(storage, name).forall(_.id == me.id)
    if (!holds) {
      val by = there.flatMap { case (_, other) => read(storage, other) }.filter(_.id != me.id)
      val what = by.fold("the claim of this run is gone")(other => s"taken over by ${other.words}")
      throw new FiresteelException(Kind.IO, s"output directory ${storage.location("")}: $what")
    }
  }

  /** Gives the directory free; may be called again, from any thread. */
  def release(): Unit = if (released.compareAndSet(false, true)) {
    keeper.shutdownNow()
    val hooks = ShutdownHookManager.get()
    if (!hooks.isShutdownInProgress) hooks.removeShutdownHook(hook)
    for ((other, old) <- claims(storage) if other <= number) storage.remove(old)
  }

  private def keep(): Unit = {
    ShutdownHookManager.get().addShutdownHook(hook, HookPriority, HookSeconds, TimeUnit.SECONDS)
    val renewing: Runnable = () =>
      try if (!released.get) renew()
      catch {
        case e: FiresteelException => log.error(Failure.line(e)) // and the next file that is written fails of it
        case NonFatal(e)           => log.warn(s"renew ${storage.location(name)}: ${Failure.line(e)}")
      }
    keeper.scheduleWithFixedDelay(renewing, RenewSeconds, RenewSeconds, TimeUnit.SECONDS)
  }
}

private[driver] object RunClaim {

  /** Seconds after its last renewal in which the claim of another machine's run holds. */
  val LeaseSeconds = 120L
  val Prefix = ".firesteel.claim."

  private val log = LoggerFactory.getLogger(classOf[RunClaim])
  private val RenewSeconds = 20L // several may fail before the lease ends
  private val HookPriority = 90 // after the run was ended (SparkApplication's 100), before Hadoop closes its file systems (10)
  private val HookSeconds = 10L

  /** Claims the directory of `storage`, which is there.
    *
    * @throws FiresteelException of kind config, which tells the holder, when a run that lives holds it
    */
  def take(storage: Storage, me: Holder = Holder.self()): RunClaim = {
    val before = claims(storage).lastOption
    before.foreach { case (_, name) => refuseIfAlive(storage, name, me) }
    val number = before.fold(0)(_._1) + 1
    val mine = s"$Prefix$number"
    if (!storage.createNew(mine, me.json)) refuse(storage, mine)
    // A claim that was made from an older listing may be lower than another's by now; and a store that does not
    // guarantee that one of several makes a file may have let another make this one.
    val (highest, name) = claims(storage).lastOption.getOrElse((number, mine))
    if (highest != number) {
      storage.remove(mine)
      refuse(storage, name)
    }
    if (read(storage, mine).exists(_.id != me.id)) refuse(storage, mine)
    for ((other, old) <- claims(storage) if other < number) storage.remove(old)
    val claim = new RunClaim(storage, number, me)
    claim.keep()
    claim
  }

  /** Numbers and names of the claims that are there, the highest last. */
  private def claims(storage: Storage): Seq[(Int, String)] =
    storage.names
      .filter(_.startsWith(Prefix))
      .flatMap(name => name.drop(Prefix.length).toIntOption.map(_ -> name))
      .sorted

  /** None where the claim is gone, or not written yet. */
  private def read(storage: Storage, name: String): Option[Holder] =
    storage.open(name).flatMap(Using.resource(_)(file => Holder.parse(file.in.readAllBytes())))

  private def refuseIfAlive(storage: Storage, name: String, me: Holder): Unit = read(storage, name) match {
    case Some(holder) if holder.isOfThisMachine => if (holder.runs) refuse(storage, name)
    case _                                      =>
      for (age <- secondsSince(storage, name, me) if age < LeaseSeconds)
        refuse(storage, name, s" (renewed $age s ago; a claim of another machine is free after $LeaseSeconds s)")
  }

  /** By the clock of the place where the files are: those of machines may differ. */
  private def secondsSince(storage: Storage, name: String, me: Holder): Option[Long] = {
    val probe = s".firesteel.now.${me.id}"
    storage.createNew(probe, Array.emptyByteArray)
    try
      for (now <- storage.modified(probe); renewed <- storage.modified(name))
        yield TimeUnit.MILLISECONDS.toSeconds(now - renewed)
    finally storage.remove(probe)
  }

  private def refuse(storage: Storage, name: String, lease: String = ""): Nothing = {
    val by = read(storage, name).fold("a run that is just beginning, or was cut off as it began")(_.words)
    throw new FiresteelException(
      Kind.CONFIG,
      s"output directory ${storage.location("")} is held by $by$lease: wait for its end or choose another --out"
    )
  }
}
