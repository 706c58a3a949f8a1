// The Spark job of a run inside one stage, and its exchanger. They are the same for all strategies; these differ in when the
// job ends and in how the center is evaluated.
package io.firesteel.train.stage

import io.firesteel.TrainConfig
import io.firesteel.jni.Exchanger
import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.run.{Plan, RunState}
import io.firesteel.train.workers.{ExchangerKey, Workers}
import org.apache.spark.SparkContext
import scala.util.Using
import scala.util.control.NonFatal

/** @param center the executors that host parts of the center, if there are any
  * @param resumed how often the run went on from a checkpoint
  */
private[stage] final class StageJob(
    exchanger: Exchanger,
    center: CenterHosts,
    workers: Workers,
    normalizer: Array[Float],
    notifier: StageNotifier,
    watch: FaultWatch,
    resumed: Int
) {

  /** Runs the workers until the released part of the budget is spent. Meanwhile it sends an event for each exchange, and
    * calls `beside` with each report, about ten times a second.
    */
  def run(beside: StageReport => Unit): StageReport = {
    def key = {
      center.ensure()
      new ExchangerKey(exchanger.client(), resumed)
    }
    Using.resource(new StageThread(workers.exchange(normalizer, key), () => watch.end())) { stage =>
      def ended: Boolean =
        try stage.endsWithin(StageJob.PollMillis).nonEmpty
        catch {
          case NonFatal(e) =>
            report() // throws if training diverged, which says more than e
            throw e
        }
      while (!ended) {
        beside(report())
        center.copyWhenDue()
      }
    }
    report()
  }

  /** Where a run is that is stopped after `state`: at its last evaluation, or before the first one at the center as it is.
    * With several shards or exchangers of a synchronous strategy, some parts of that may be a round ahead.
    */
  def stopped(state: RunState): RunState =
    if (state.round > 0) state else notifier.reached(report(), center.last())

  private def report(): StageReport = notifier.exchanged(StageReport.of(exchanger))
}

private[train] object StageJob {
  private val PollMillis = 100L // between two looks at the exchanger; an exchange takes about as long
  private val Loopback = "127.0.0.1" // all workers are in this process

  /** An exchanger that starts from `state`. */
  def exchanger(sc: SparkContext, plan: Plan, state: RunState): Exchanger =
    Exchanger.open(listening(sc, plan.config).toJson, state.center.bytes, state.snapshot)

  /** The configuration with the exchanger's addresses: by default those of Spark's driver. */
  def listening(sc: SparkContext, config: TrainConfig): TrainConfig = {
    val host = if (sc.isLocal) Loopback else sc.getConf.get("spark.driver.host")
    val own = if (sc.isLocal) host else sc.getConf.get("spark.driver.bindAddress", host)
    config.copy(bind = config.bind.orElse(Some(s"$own:0")), advertise = config.advertise.orElse(Some(host)))
  }
}
