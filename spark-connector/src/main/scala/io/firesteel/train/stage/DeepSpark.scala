// DeepSpark (Kim, Park, Jang, Yoon 2016) and its kin: one long Spark job in which every worker trains on its partition
// and exchanges with a center on the driver whenever it is ready. Spark costs once; a lost task attaches again as a
// newer attempt, pulls the center, and goes on with what is left of the budget.
package io.firesteel.train.stage

import io.firesteel.{CheckpointStore, TrainConfig, TrainListener}
import io.firesteel.data.ImageSource
import io.firesteel.jni.{Engine, Exchanger}
import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.placement.Slots
import io.firesteel.train.run.{Checkpoint, Outcome, Plan, RunState}
import io.firesteel.train.workers.{ExchangerKey, Workers}
import java.util.UUID
import org.apache.spark.SparkContext
import scala.util.Using
import scala.util.control.NonFatal

/** The strategies inside one stage: the asynchronous ones, `easgd`, and `sparknet` with consistency `bsp`. */
private[train] object DeepSpark {
  private val PollMillis = 100L // between two looks at the exchanger; an exchange takes about as long

  /** As `Training.train`, of a resolved plan. */
  def train(
      sc: SparkContext,
      train: ImageSource,
      test: Option[ImageSource],
      plan: Plan,
      listener: TrainListener,
      checkpoint: Option[CheckpointStore]
  ): Outcome = {
    val begin = Checkpoint.start(plan, train.rows, checkpoint)
    val notifier = new StageNotifier(plan, begin, listener)
    Slots.await(sc, plan.workers) // before the rows are dealt out, so that each worker's lie where a slot is its own

    Using.Manager { use =>
      def served(from: RunState): Exchanger =
        use(Exchanger.open(listening(sc, plan.config).toJson, from.center, from.snapshot))
      val resumed = Option.when(begin.center.nonEmpty)(served(begin)) // it tells how much of the budget is spent
      val spent = resumed.fold(0L)(StageReport.of(_).steps)
      notifier.started(train.rows, test.fold(0L)(_.rows), train.classes, spent)
      val run = UUID.randomUUID.toString
      val redo = FaultWatch.Stage.copy(hosted = plan.config.exchangers > 0)
      val watch = use(new FaultWatch(sc, run, notifier.fault, redo, plan.needs.map(_.process)))
      val workers = use(Workers.load(sc, train, plan, run, watch))
      val statistics = workers.statistics()
      val normalizer = Engine.normalizer(plan.configJson, statistics)
      val start = Checkpoint.fitted(plan, begin, statistics)
      val exchanger = resumed.getOrElse(served(start))
      val tests = test.map { source =>
        use(Using.resource(Workers.load(sc, source, plan, s"$run/test", watch))(_.gathered(normalizer)))
      }

      def looked(report: StageReport, center: Array[Float]): RunState = {
        val snapshot = checkpoint.fold(Array.empty[Array[Byte]])(_ => exchanger.snapshot())
        val state = notifier.reached(report, center, snapshot)
        val scored = notifier.checked(
          tests.fold(state)(test => notifier.evaluated(state, test.evaluate(state.center)))
        )
        checkpoint.foreach(_.save(Checkpoint.write(plan, train.rows, scored, IndexedSeq.empty)))
        scored
      }

      notifier.begins()
      var state = start
      if (state.round < plan.rounds) {
        val hosts = new CenterHosts(sc, exchanger, plan, run, start.center)
        def key = {
          hosts.ensure()
          new ExchangerKey(exchanger.client(), start.resumed)
        }
        val stage = use(new StageThread(workers.exchange(normalizer, key), () => watch.end()))
        def over: Boolean =
          try stage.endsWithin(PollMillis)
          catch {
            case NonFatal(e) =>
              notifier.exchanged(StageReport.of(exchanger)) // that training diverged says more than the task that ended
              throw e
          }
        while (!over) {
          val report = notifier.exchanged(StageReport.of(exchanger))
          hosts.look()
          if (plan.pausesBetween(state.round, plan.roundsBehind(report.steps))) state = looked(report, hosts.center())
        }
        val last = workers.finished(exchanger.center(), normalizer)
        state = looked(notifier.exchanged(StageReport.of(exchanger)), last)
      }
      notifier.ended(state, Some(StageReport.of(exchanger).totals))
      Outcome(state.center.take(plan.length), normalizer)
    }.get
  }

  /** The configuration with the exchanger's addresses: where Spark's driver listens and is found, unless it names some. */
  private def listening(sc: SparkContext, config: TrainConfig): TrainConfig = {
    val host = if (sc.isLocal) Loopback else sc.getConf.get("spark.driver.host")
    val own = if (sc.isLocal) host else sc.getConf.get("spark.driver.bindAddress", host)
    config.copy(bind = config.bind.orElse(Some(s"$own:0")), advertise = config.advertise.orElse(Some(host)))
  }

  private val Loopback = "127.0.0.1" // nobody outside this process takes part
}
