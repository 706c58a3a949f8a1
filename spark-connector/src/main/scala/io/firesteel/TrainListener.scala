// The events of a run, and who receives them. `EventJson` has their form as JSON. The driver application writes them to
// metrics.jsonl and shows them on the terminal.
package io.firesteel

/** Something that happened in a run. */
sealed trait TrainEvent

/** Sent once, before the data are loaded.
  *
  * @param config resolved
  * @param parameters floats of the net
  * @param rounds of the whole run; inside one stage, `tau * workers` minibatches count as one
  * @param completedRounds those before the checkpoint of a resumed run; the totals of later events include them
  * @param completedSteps minibatches of all workers before that checkpoint, if they exchange inside one stage
  * @param needs estimate of the memory that the run takes; absent if the workers use a GPU's
  * @param slots tasks that run at once; 0 if no executor has registered yet
  * @param machines of the executors that have registered
  * @param how the words `in one stage` or `in rounds`, and why; empty if the strategy has no choice
  * @param synchronous whether all workers end each round together; only then there are `round` events
  * @param split that is evaluated, of which there are `testRows`: test or validation
  */
case class Started(
    config: TrainConfig,
    trainRows: Long,
    testRows: Long,
    classes: Int,
    parameters: Int,
    rounds: Int,
    completedRounds: Int = 0,
    completedSteps: Long = 0,
    needs: Option[MemoryNeeds] = None,
    slots: Int = 0,
    machines: Seq[Machine] = Nil,
    how: String = "",
    synchronous: Boolean = true,
    split: String = "test"
) extends TrainEvent

/** The workers have their rows, for the first time in this run.
  *
  * @param devices what each worker computes on, by its number: `cpu`, or `cuda:0` and so on
  */
case class WorkersLoaded(devices: Seq[String]) extends TrainEvent

/** Rows whose bytes are no image were left out, since `bad-images` is drop.
  *
  * @param split train, validation or test
  * @param described the first of them: where each is, and why it is no image
  */
case class ImagesDropped(split: String, count: Long, described: Seq[String]) extends TrainEvent {

  /** For people. */
  def text: String =
    s"left out of the $split set: $count ${if (count == 1) "row that is" else "rows that are"} no image, first ${described.head}"
}

/** A round has ended, and its results are averaged.
  *
  * @param round 1-based, of `rounds`
  * @param localSteps total so far of each worker
  * @param samples total so far, all workers
  * @param seconds wall-clock since training began, without evaluation and checkpoints
  * @param loss mean training loss of this round, over the workers by samples; NaN when it was not finite. A worker's is the
  *   mean over its minibatches, and a minibatch's is the weighted mean over its rows, if these have weights
  * @param imagesPerSecond of this round
  * @param exchangeBytes bytes of vectors that the round sent between driver and workers, in both directions
  */
case class RoundDone(
    round: Int,
    rounds: Int,
    localSteps: Long,
    samples: Long,
    seconds: Double,
    loss: Double,
    imagesPerSecond: Double,
    exchangeBytes: Long
) extends TrainEvent

/** A worker has exchanged with the center, in a run inside one stage.
  *
  * @param exchange 1-based, of this worker
  * @param steps local steps since its previous exchange
  * @param totalSteps of all workers so far, as `totalSamples`
  * @param seconds wall-clock since training began
  * @param loss mean training loss of these steps, as a worker's in [[RoundDone]]; NaN when it was not finite
  * @param staleness updates of the center by other workers since this worker's previous exchange
  * @param computing seconds of its local steps; `exchanging` is those of its exchange, `waiting` the part of these in
  *   which it did no local steps: all, unless `overlap`
  */
case class ExchangeDone(
    worker: Int,
    exchange: Long,
    steps: Long,
    totalSteps: Long,
    totalSamples: Long,
    seconds: Double,
    loss: Double,
    staleness: Long,
    computing: Double,
    exchanging: Double,
    waiting: Double
) extends TrainEvent

/** The center was evaluated after `round` rounds. `accuracy` is a fraction, `loss` the mean over the rows, whatever
  * their weights are; it is NaN if it was not finite, and then the run ends as diverged. `wallSeconds` is the time since
  * training began, with evaluations and checkpoints.
  */
case class Evaluated(
    round: Int,
    samples: Long,
    seconds: Double,
    wallSeconds: Double,
    accuracy: Double,
    loss: Double,
    split: String
) extends TrainEvent

/** Something was lost in `round` (1-based, 0 before the first): `what`, and the `action` that was taken. */
case class Fault(round: Int, what: String, action: String) extends TrainEvent

/** Totals of all exchanges of a run.
  *
  * @param bytes received and sent by the exchanger
  * @param staleness histogram: how many exchanges had a staleness of 0, 1, 2 and so on; the last entry counts all above
  */
case class ExchangeTotals(exchanges: Long, bytes: Long, staleness: Seq[Long])

/** Why a run ended without a failure; `name` is that in the event's JSON. */
sealed abstract class EndReason(val name: String)

object EndReason {

  /** All its steps are done. */
  case object Budget extends EndReason("budget")

  /** The accuracy has not risen for as many evaluations as `patience` says. */
  case object Patience extends EndReason("patience")

  /** A listener's `stops` was true. */
  case object Stopped extends EndReason("stopped")
}

/** The run has ended.
  *
  * @param accuracy of the last evaluation, as `loss`; with `restore-best-weights` of the best one; absent without a test
  *   set
  * @param exchanges of a run inside one stage, since its last start
  * @param bestRound of the evaluation with the highest accuracy, which is `bestAccuracy`; of equal ones the first
  */
case class Ended(
    rounds: Int,
    samples: Long,
    seconds: Double,
    wallSeconds: Double,
    accuracy: Option[Double],
    loss: Option[Double],
    imagesPerSecond: Double,
    exchanges: Option[ExchangeTotals] = None,
    bestRound: Option[Int] = None,
    bestAccuracy: Option[Double] = None,
    reason: EndReason = EndReason.Budget
) extends TrainEvent

/** Receives events on the driver, and may end the run. `fault` may be called on another thread, but never at the same
  * time as another event. Each kind of event has a method, which by default hands it to `event`.
  */
trait TrainListener {

  /** The run waits for `what` before it starts, for longer than a moment. */
  def waiting(what: String): Unit = ()

  /** Whether the run is to end now. It is asked about ten times a second, on any thread and also while an event is
    * received, so it should return at once. When it is true, the run's Spark jobs are cancelled, and the run ends with
    * the weights of its last round, or inside one stage of its last evaluation, as a normal end. Before the first round
    * has ended it is a failure of kind cancelled.
    */
  def stops: Boolean = false

  /** Any event whose own method is not overridden; does nothing by default. */
  def event(e: TrainEvent): Unit = ()

  def started(e: Started): Unit = event(e)
  def loaded(e: WorkersLoaded): Unit = event(e)
  def dropped(e: ImagesDropped): Unit = event(e)
  def round(e: RoundDone): Unit = event(e)
  def exchange(e: ExchangeDone): Unit = event(e)
  def evaluated(e: Evaluated): Unit = event(e)
  def fault(e: Fault): Unit = event(e)
  def ended(e: Ended): Unit = event(e)

  /** Calls the method of the event's kind. */
  final def send(e: TrainEvent): Unit = e match {
    case e: Started       => started(e)
    case e: WorkersLoaded => loaded(e)
    case e: ImagesDropped => dropped(e)
    case e: RoundDone     => round(e)
    case e: ExchangeDone  => exchange(e)
    case e: Evaluated     => evaluated(e)
    case e: Fault         => fault(e)
    case e: Ended         => ended(e)
  }
}

object TrainListener {

  /** Ignores all events. */
  val silent: TrainListener = new TrainListener {}

  /** Hands each event to all of these, in this order. */
  def all(listeners: TrainListener*): TrainListener = new TrainListener {
    override def waiting(what: String): Unit = listeners.foreach(_.waiting(what))
    override def stops: Boolean = listeners.exists(_.stops)
    override def event(e: TrainEvent): Unit = listeners.foreach(_.send(e))
  }
}
