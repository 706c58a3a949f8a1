// One run as its events tell it, in bounded memory. It is used by one thread.
package io.firesteel.ui

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{EndReason, Schema}
import io.firesteel.jni.Kind
import scala.collection.mutable
import scala.jdk.CollectionConverters._

/** The curves are, each with the columns `round` and `seconds`: `rounds` of synchronous strategies (`loss`, `images`, `time`:
  * the seconds that these images took), `evaluations` (`accuracy`, `loss`), `exchanges` of all workers (`loss`, `images`, and
  * sums over `exchanges` of `staleness`, `computing`, `exchanging`, `waiting`), and `worker N` (`images`, `time`:
  * the seconds in which it computed or waited).
  *
  * @param began milliseconds since 1970
  */
private[ui] final class LiveRun(number: Int, began: Long) {
  import LiveRun._
  import Merge._

  private var about = About(s"run $number", "", "", began)
  private var progress = Progress("starting", going = true)
  private var settings = Seq.empty[Setting]
  private var tau = 1
  private val faults = mutable.Queue.empty[FaultView]
  private var faultCount = 0
  private val workers = mutable.SortedMap.empty[Int, Worker]

  private val rounds = new Curve(axes ++ Seq("loss" -> Mean, "images" -> Sum, "time" -> Sum), MostPoints)
  private val evaluations = new Curve(axes ++ Seq("accuracy" -> Mean, "loss" -> Mean), MostPoints)
  private val exchanges = new Curve(
    axes ++ Seq("loss" -> Mean) ++
      Seq("images", "exchanges", "staleness", "computing", "exchanging", "waiting").map(_ -> Sum),
    MostPoints
  )
  private var samples = Double.NaN // of all workers, at the latest event; unknown before the first one of a resumed run

  private final class Worker(val since: Double) {
    val curve = new Curve(axes ++ Seq("images" -> Sum, "time" -> Sum), pointsOfWorker)
    var exchangeCount, steps, stale = 0L
    var loss = Double.NaN
    var images, computing, exchanging, waiting, until = 0.0
  }

  private def pointsOfWorker = math.max(LeastPoints, MostPoints / math.max(1, about.workers) / 2 * 2)

  def isGoing: Boolean = progress.going

  /** Takes in an event. Returns whether it is a known one. */
  def add(event: JsonNode, time: Long): Boolean = {
    event.path("event").asText match {
      case "begin" =>
        about = about.copy(name = text(event, "name"), strategy = text(event, "strategy"), net = text(event, "net"))
      case "waiting"   => progress = progress.copy(state = "waiting", why = text(event, "what"))
      case "start"     => started(event)
      case "workers"   => about = about.copy(devices = event.path("devices").elements.asScala.map(_.asText).toSeq)
      case "dropped"   => progress = progress.copy(dropped = progress.dropped + event.path("count").asLong)
      case "round"     => round(event)
      case "exchanges" => exchanged(event)
      case "eval"      => evaluated(event)
      case "fault"     => fault(event, time)
      case "end"       => ended(event, time)
      case "failed"    =>
        val cancelled = event.path("kind").asText == Kind.CANCELLED.code
        over(if (cancelled) "cancelled" else "failed", text(event, "message"), time)
      case _ => return false
    }
    true
  }

  /** The run ends without an event, if it has not ended. */
  def abandoned(time: Long): Unit = if (isGoing) over("not finished", "the application ended before the run", time)

  def view: RunView = {
    val own = workers.toSeq.map { case (number, worker) => s"worker $number" -> worker.curve.view }
    RunView(
      number,
      about,
      progress,
      settings,
      faults.toSeq,
      faultCount,
      workers.toSeq.map { case (number, worker) => viewOf(number, worker) },
      Map("rounds" -> rounds.view, "evaluations" -> evaluations.view, "exchanges" -> exchanges.view) ++ own
    )
  }

  private def viewOf(number: Int, worker: Worker) = WorkerView(
    number,
    about.devices.lift(number).getOrElse(""),
    worker.exchangeCount,
    worker.steps,
    worker.images / (worker.until - worker.since),
    worker.loss,
    worker.stale.toDouble / worker.exchangeCount,
    worker.computing,
    worker.exchanging,
    worker.waiting
  )

  private def started(event: JsonNode): Unit = {
    val (config, data) = (event.path("config"), event.path("data"))
    about = about.copy(
      strategy = text(config, "strategy"),
      net = text(config, "net"),
      workers = config.path("workers").asInt,
      rounds = event.path("rounds").asInt,
      completedRounds = event.path("completed_rounds").asInt,
      synchronous = event.path("synchronous").asBoolean,
      how = text(event, "how"),
      split = text(event, "split"),
      trainRows = data.path("train_rows").asLong,
      testRows = data.path("test_rows").asLong,
      classes = data.path("classes").asInt,
      parameters = event.path("parameters").asInt
    )
    tau = math.max(1, config.path("tau").asInt(1))
    settings = LiveRun.settings(config)
    if (about.completedRounds == 0) samples = 0
    progress = progress.copy(state = "running", why = "", rounds = about.completedRounds)
  }

  private def round(event: JsonNode): Unit = {
    val (done, seconds) = (event.path("round").asInt, real(event, "seconds"))
    val (loss, speed) = (real(event, "loss"), real(event, "images_per_second"))
    val images = imagesUntil(event)
    rounds.add(1, done, seconds, loss, images, images / speed)
    val bytes = progress.exchangeBytes + event.path("exchange_bytes").asLong
    progress = progress.copy(rounds = done, seconds = seconds, loss = loss, images = speed, exchangeBytes = bytes)
  }

  /** Images that all workers have used since the latest event. */
  private def imagesUntil(event: JsonNode): Double = {
    val (before, now) = (samples, real(event, "samples"))
    samples = now
    now - before
  }

  /** Each minibatch counts as one of mean size. */
  private def exchanged(event: JsonNode): Unit = {
    val (seconds, steps) = (real(event, "seconds"), real(event, "total_steps"))
    val ofStep = real(event, "samples") / steps
    val done = steps / (tau.toDouble * math.max(1, about.workers))
    def numbers(name: String) = event.path(name).elements.asScala.map(_.asDouble(Double.NaN)).toIndexedSeq
    val names = Seq("exchanges", "steps", "staleness", "loss", "computing", "exchanging", "waiting").map(numbers)
    val rows = numbers("worker").map(_.toInt).zip(names.transpose)
    for ((number, Seq(count, own, stale, loss, computing, exchanging, waiting)) <- rows) {
      val worker = workers.getOrElseUpdate(number, new Worker(if (about.completedRounds > 0) seconds else 0))
      worker.exchangeCount += count.toLong
      worker.steps += own.toLong
      worker.stale += stale.toLong
      worker.loss = loss
      if (seconds > worker.since) worker.images += own * ofStep
      worker.computing += computing
      worker.exchanging += exchanging
      worker.waiting += waiting
      worker.until = seconds
      worker.curve.add(1, done, seconds, own * ofStep, computing + waiting)
    }
    val sums = names.map(_.sum)
    val (trained, loss) = (sums(1), rows.map(_._2).map(row => row(1) * row(3)).sum / sums(1))
    exchanges.add(trained, done, seconds, loss, trained * ofStep, sums.head, sums(2), sums(4), sums(5), sums(6))
    progress = progress.copy(exchanges = progress.exchanges + sums.head.toLong)
    if (!about.synchronous) {
      val passed = seconds - progress.seconds
      val speed = if (passed < LeastSeconds) progress.images else trained * ofStep / passed
      progress = progress.copy(rounds = done, seconds = seconds, loss = loss, images = speed)
    }
  }

  private def evaluated(event: JsonNode): Unit = {
    val (accuracy, loss, done) = (real(event, "accuracy"), real(event, "loss"), event.path("round").asInt)
    evaluations.add(1, done, real(event, "seconds"), accuracy, loss)
    progress = progress.copy(accuracy = accuracy, evaluatedLoss = loss, wallSeconds = real(event, "wall_seconds"))
    if (!(accuracy <= progress.bestAccuracy)) progress = progress.copy(bestAccuracy = accuracy, bestRound = done)
  }

  private def fault(event: JsonNode, time: Long): Unit = {
    faultCount += 1
    faults += FaultView(event.path("round").asInt, time, text(event, "what"), text(event, "action"))
    if (faults.size > MostFaults) faults.dequeue()
  }

  private def ended(event: JsonNode, time: Long): Unit = {
    progress = progress.copy(
      rounds = event.path("rounds").asInt,
      seconds = real(event, "seconds"),
      wallSeconds = real(event, "wall_seconds"),
      accuracy = real(event, "accuracy"),
      evaluatedLoss = real(event, "loss"),
      bestAccuracy = real(event, "best_accuracy"),
      bestRound = event.path("best_round").asInt,
      images = real(event, "images_per_second"),
      exchanges = event.path("exchanges").asLong(progress.exchanges),
      exchangeBytes = event.path("exchange_bytes").asLong(progress.exchangeBytes),
      staleness = event.path("staleness").elements.asScala.map(_.asLong).toArray
    )
    val state = event.path("reason").asText match {
      case EndReason.Budget.name   => "finished"
      case EndReason.Patience.name => "ended by patience"
      case other                   => other
    }
    over(state, "", time)
  }

  private def over(state: String, why: String, time: Long): Unit =
    progress = progress.copy(state = state, going = false, why = why, ended = time)
}

private[ui] object LiveRun {
  import Merge._

  /** Points of a curve; those of all workers together are about as many, but each has at least [[LeastPoints]]. */
  val MostPoints = 1000
  val LeastPoints = 8

  /** Seconds between two events of which a speed can be told. */
  private val LeastSeconds = 0.1

  /** Faults that are kept, the latest. */
  val MostFaults = 100

  /** Letters of a text that are kept; a path of a data set or a message of another library may be long. */
  val MostLetters = 500

  private val axes: Seq[(String, Merge)] = Seq("round" -> Last, "seconds" -> Last)

  private def text(node: JsonNode, key: String): String = shortened(node.path(key).asText(""))

  private def shortened(text: String) = if (text.length > MostLetters) s"${text.take(MostLetters - 1)}…" else text

  private def real(node: JsonNode, key: String): Double = node.path(key).asDouble(Double.NaN)

  /** The settings of a completed configuration that differ from the default in the table, or have none there. */
  private def settings(config: JsonNode): Seq[Setting] = for {
    row <- Schema.settings
    value <- Option(config.get(row.key)).filterNot(_.isNull)
    if !Schema.defaults.get(row.key).exists(isSame(_, value))
  } yield Setting(row.key, shortened(if (value.isValueNode) value.asText else value.toString))

  /** A number read from an event log may have another type than one that was never written. */
  private def isSame(a: JsonNode, b: JsonNode): Boolean =
    if (a.isNumber && b.isNumber) a.asDouble == b.asDouble else a == b
}
