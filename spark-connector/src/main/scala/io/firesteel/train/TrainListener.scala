// What a run tells while it goes on. The driver application writes these events to metrics.jsonl and to the terminal.
package io.firesteel.train

/** Told once, before the data are loaded.
  *
  * @param config resolved
  * @param parameters floats of the net
  * @param rounds how many there are in the whole run
  * @param completedRounds those that a checkpoint has behind it; the totals of later events go on from there
  */
case class Started(
    config: TrainConfig,
    trainRows: Long,
    testRows: Long,
    classes: Int,
    parameters: Int,
    rounds: Int,
    completedRounds: Int = 0
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

/** The center was evaluated after `round` rounds. `accuracy` is a fraction, `loss` a mean; `wallSeconds` is since
  * training began, with evaluation and checkpoints.
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

/** The run is over. Accuracy and loss are those of the last evaluation, absent without a test set. */
case class Ended(
    rounds: Int,
    samples: Long,
    seconds: Double,
    wallSeconds: Double,
    accuracy: Option[Double],
    loss: Option[Double],
    imagesPerSecond: Double
)

/** Called on the driver; `fault` may come from another thread, but never at the same time as another event. */
trait TrainListener {
  def started(e: Started): Unit = ()
  def round(e: RoundDone): Unit = ()
  def evaluated(e: Evaluated): Unit = ()
  def fault(e: Fault): Unit = ()
  def ended(e: Ended): Unit = ()
}

object TrainListener {

  /** Tells nobody. */
  val silent: TrainListener = new TrainListener {}
}
