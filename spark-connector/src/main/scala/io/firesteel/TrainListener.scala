// What a run tells while it goes on. The driver application writes these events to metrics.jsonl and to the terminal.
package io.firesteel

/** Told once, before the data are loaded.
  *
  * @param config resolved
  * @param parameters floats of the net
  * @param rounds how many there are in the whole run; inside one stage, `tau * workers` minibatches count as one
  * @param completedRounds those that a checkpoint has behind it; the totals of later events go on from there
  * @param completedSteps minibatches of all workers that it has behind it, where they exchange inside one stage
  * @param needs the memory that it takes, as it was worked out before; absent where that is a GPU's
  * @param how the strategy runs over Spark, in words for people; empty where it has no choice
  * @param synchronous whether all workers end a round together, so that rounds are told
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
    how: String = "",
    synchronous: Boolean = true
)

/** One round is averaged.
  *
  * @param round 1-based, of `rounds`
  * @param localSteps total so far of each worker
  * @param samples total so far, all workers
  * @param seconds wall-clock since training began, without evaluation and checkpoints
  * @param loss mean training loss of this round, by samples; NaN when it was not finite
  * @param imagesPerSecond of this round
  * @param exchangeBytes bytes of vectors this round moved between driver and workers, both ways
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
)

/** One worker has exchanged with the center, in a run inside one stage.
  *
  * @param exchange 1-based, of this worker
  * @param steps local steps since its exchange before
  * @param totalSteps of all workers so far, as `totalSamples`
  * @param seconds wall-clock since training began
  * @param loss mean training loss of these steps; NaN when it was not finite
  * @param staleness updates of the center by others since this worker's exchange before
  * @param computing seconds of its steps; `exchanging` of its exchange, `waiting` for others before it might go on
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
)

/** The center was evaluated after `round` rounds. `accuracy` is a fraction, `loss` a mean, NaN when it was not finite:
  * then the run ends as diverged. `wallSeconds` is since training began, with evaluation and checkpoints.
  */
case class Evaluated(
    round: Int,
    samples: Long,
    seconds: Double,
    wallSeconds: Double,
    accuracy: Double,
    loss: Double,
    split: String
)

/** Something was lost in `round` (1-based, 0 before the first): what it was and what was done about it. */
case class Fault(round: Int, what: String, action: String)

/** What an exchanger did in a whole run.
  *
  * @param bytes that it received and sent
  * @param staleness how many exchanges met a center that was 0, 1, 2 .. updates ahead; the last counts all beyond
  */
case class ExchangeTotals(exchanges: Long, bytes: Long, staleness: Seq[Long])

/** The run is over. Accuracy and loss are those of the last evaluation, absent without a test set; `exchanges` are of a
  * run inside one stage, since it was last started.
  */
case class Ended(
    rounds: Int,
    samples: Long,
    seconds: Double,
    wallSeconds: Double,
    accuracy: Option[Double],
    loss: Option[Double],
    imagesPerSecond: Double,
    exchanges: Option[ExchangeTotals] = None
)

/** Called on the driver; `fault` may come from another thread, but never at the same time as another event. */
trait TrainListener {
  def started(e: Started): Unit = ()
  def round(e: RoundDone): Unit = ()
  def exchange(e: ExchangeDone): Unit = ()
  def evaluated(e: Evaluated): Unit = ()
  def fault(e: Fault): Unit = ()
  def ended(e: Ended): Unit = ()
}

object TrainListener {

  /** Tells nobody. */
  val silent: TrainListener = new TrainListener {}
}
