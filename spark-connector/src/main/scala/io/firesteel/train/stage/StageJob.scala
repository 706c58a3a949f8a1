// The job of a run inside one stage, and the exchanger that its workers meet: both are the same for all strategies, which
// differ in when the job ends and in how the center is evaluated.
package io.firesteel.train.stage

import io.firesteel.TrainConfig
import io.firesteel.jni.Exchanger
import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.run.{Plan, RunState}
import io.firesteel.train.workers.{ExchangerKey, Workers}
import org.apache.spark.SparkContext
import scala.util.Using
import scala.util.control.NonFatal

/** @param center where the exchanger's center is served
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

  /** Runs the workers until what is released of the budget is spent. Each exchange is told meanwhile, and `beside` is
    * called with what was just told, a few times a second.
    */
  def run(beside: StageReport => Unit): StageReport = {
    def key = {
      center.ensure()
      new ExchangerKey(exchanger.client(), resumed)
    }
    Using.resource(new StageThread(workers.exchange(normalizer, key), () => watch.end())) { stage =>
      def isOver: Boolean =
        try stage.endsWithin(StageJob.PollMillis).nonEmpty
        catch {
          case NonFatal(e) =>
            told() // that training diverged says more than the task that ended
            throw e
        }
      while (!isOver) {
        beside(told())
        center.copyWhenDue()
      }
    }
    told()
  }

  private def told(): StageReport = notifier.exchanged(StageReport.of(exchanger))
}

private[stage] object StageJob {
  private val PollMillis = 100L // between two looks at the exchanger; an exchange takes about as long
  private val Loopback = "127.0.0.1" // nobody outside this process takes part

  /** An exchanger that goes on from `state`. */
  def exchanger(sc: SparkContext, plan: Plan, state: RunState): Exchanger =
    Exchanger.open(listening(sc, plan.config).toJson, state.center, state.snapshot)

  /** The configuration with the exchanger's addresses: where Spark's driver listens and is found, unless it names some. */
  def listening(sc: SparkContext, config: TrainConfig): TrainConfig = {
    val host = if (sc.isLocal) Loopback else sc.getConf.get("spark.driver.host")
    val own = if (sc.isLocal) host else sc.getConf.get("spark.driver.bindAddress", host)
    config.copy(bind = config.bind.orElse(Some(s"$own:0")), advertise = config.advertise.orElse(Some(host)))
  }
}
