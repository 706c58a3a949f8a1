// DeepSpark (Kim, Park, Jang, Yoon 2016) and related strategies: one long Spark job in which every worker trains on its
// partition and exchanges with a center on the driver whenever it is ready, so that the overhead of a Spark job occurs
// once. A lost task connects again as a newer attempt, pulls the center, and continues with the rest of the budget.
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
  private val PollMillis = 100L // between two reports of the exchanger; an exchange takes about as long

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
    Slots.await(sc, plan.workers) // before the rows are divided, so that each worker has a slot where its rows are

    Using.Manager { use =>
      def serve(from: RunState): Exchanger =
        use(Exchanger.open(listening(sc, plan.config).toJson, from.center, from.snapshot))
      val resumed = Option.when(begin.center.nonEmpty)(serve(begin)) // it knows how much of the budget is spent
      val spent = resumed.fold(0L)(StageReport.of(_).steps)
      notifier.started(train.rows, test.fold(0L)(_.rows), train.classes, spent)
      val run = UUID.randomUUID.toString
      val policy = FaultWatch.Stage.copy(hostsParts = plan.config.exchangers > 0)
      val watch = use(new FaultWatch(sc, run, notifier.fault, policy, plan.needs.map(_.process)))
      val workers = use(Workers.load(sc, train, plan, run, watch))
      val statistics = workers.statistics()
      val normalizer = Engine.normalizer(plan.configJson, statistics)
      val start = Checkpoint.initialized(plan, begin, statistics)
      val exchanger = resumed.getOrElse(serve(start))
      val tests = test.map { source =>
        use(Using.resource(Workers.load(sc, source, plan, s"$run/test", watch))(_.gathered(normalizer)))
      }

      def evaluatedAndSaved(report: StageReport, center: Array[Float]): RunState = {
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
        def ended: Boolean =
          try stage.endsWithin(PollMillis)
          catch {
            case NonFatal(e) =>
              notifier.exchanged(StageReport.of(exchanger)) // throws if training diverged, which says more than e
              throw e
          }
        while (!ended) {
          val report = notifier.exchanged(StageReport.of(exchanger))
          hosts.copyWhenDue()
          if (plan.pausesBetween(state.round, plan.roundsBehind(report.steps)))
            state = evaluatedAndSaved(report, hosts.center())
        }
        val last = workers.finished(exchanger.center(), normalizer)
        state = evaluatedAndSaved(notifier.exchanged(StageReport.of(exchanger)), last)
      }
      notifier.ended(state, Some(StageReport.of(exchanger).totals))
      Outcome(state.center.take(plan.length), normalizer)
    }.get
  }

  /** The configuration with the exchanger's addresses: by default those of Spark's driver. */
  private def listening(sc: SparkContext, config: TrainConfig): TrainConfig = {
    val host = if (sc.isLocal) Loopback else sc.getConf.get("spark.driver.host")
    val own = if (sc.isLocal) host else sc.getConf.get("spark.driver.bindAddress", host)
    config.copy(bind = config.bind.orElse(Some(s"$own:0")), advertise = config.advertise.orElse(Some(host)))
  }

  private val Loopback = "127.0.0.1" // all workers are in this process
}
