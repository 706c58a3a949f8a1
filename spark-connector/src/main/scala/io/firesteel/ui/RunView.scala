// A run as the pages of the web UI show it. The History Server may keep it as JSON on its disk.
package io.firesteel.ui

import com.fasterxml.jackson.annotation.JsonIgnore
import org.apache.spark.util.kvstore.KVIndex
import scala.annotation.meta.getter

/** Lists of numbers are arrays: Jackson does not see what a Seq of them holds.
  *
  * @param number of the run in the application, from 1
  * @param settings completed ones that differ from the default of the table of settings, or have none there
  * @param faults the latest of `faultCount`
  * @param curves by name, see [[LiveRun]]
  */
private[ui] final case class RunView(
    @(KVIndex @getter) number: Int,
    about: About,
    progress: Progress,
    settings: Seq[Setting],
    faults: Seq[FaultView],
    faultCount: Int,
    workers: Seq[WorkerView],
    curves: Map[String, CurveView]
)

/** What a run is, as far as it is known. Times are milliseconds since 1970.
  *
  * @param rounds of the whole run; 0 before they are known
  * @param completedRounds those before the checkpoint of a resumed run
  * @param split that is evaluated
  */
private[ui] final case class About(
    name: String,
    strategy: String,
    net: String,
    began: Long,
    workers: Int = 0,
    devices: Seq[String] = Nil,
    rounds: Int = 0,
    completedRounds: Int = 0,
    synchronous: Boolean = true,
    how: String = "",
    split: String = "test",
    trainRows: Long = 0,
    testRows: Long = 0,
    classes: Int = 0,
    parameters: Int = 0
)

/** How far a run has come. A number is NaN as long as it is not known.
  *
  * @param state for people
  * @param going whether the run has not ended
  * @param why for people: what is waited for, or the failure
  * @param ended milliseconds since 1970; 0 as long as the run goes on
  * @param rounds done; of an asynchronous strategy with a fraction
  * @param seconds of training, without evaluations and checkpoints; `wallSeconds` is with them
  * @param loss of the training, of the latest point
  * @param images per second: of the whole run once it has ended, else of the latest point
  * @param staleness how many exchanges met a center that was 0, 1, 2 and so on updates ahead; once the run has ended
  * @param exchangeBytes sent and received by the exchanger in all, or in rounds by the driver
  */
private[ui] final case class Progress(
    state: String,
    going: Boolean,
    why: String = "",
    ended: Long = 0,
    rounds: Double = 0,
    seconds: Double = Double.NaN,
    wallSeconds: Double = Double.NaN,
    loss: Double = Double.NaN,
    evaluatedLoss: Double = Double.NaN,
    accuracy: Double = Double.NaN,
    bestAccuracy: Double = Double.NaN,
    bestRound: Int = 0,
    images: Double = Double.NaN,
    exchanges: Long = 0,
    exchangeBytes: Long = 0,
    staleness: Array[Long] = Array.empty,
    dropped: Long = 0
)

private[ui] final case class Setting(key: String, value: String)

private[ui] final case class FaultView(round: Int, time: Long, what: String, action: String)

/** The totals of a worker; seconds are sums over its exchanges.
  *
  * @param images per second of training
  * @param loss mean over the latest second
  */
private[ui] final case class WorkerView(
    worker: Int,
    device: String,
    exchanges: Long,
    steps: Long,
    images: Double,
    loss: Double,
    staleness: Double,
    computing: Double,
    exchanging: Double,
    waiting: Double
)

/** @param each added rows that a row is made of */
private[ui] final case class CurveView(each: Long, columns: Map[String, Array[Double]])

/** Events that were left out of all runs, because they are of a later version or unknown. There is one such element.
  *
  * @param version the latest one
  */
private[ui] final case class LeftOut(events: Long, version: Int) {
  @JsonIgnore @KVIndex def key: String = LeftOut.Key
}

private[ui] object LeftOut {
  private val Key = "left-out"
}
