// How a run is divided into rounds, and what its tasks show.
package io.firesteel.train.run

import io.firesteel.TrainConfig
import io.firesteel.data.RecordFormat
import io.firesteel.tensors.Tensors
import io.firesteel.train.workers.{ExchangerKey, StageTask, WorkerCache}
import org.scalatest.funsuite.AnyFunSuite

class PlanTest extends AnyFunSuite {
  private def plan(config: TrainConfig, starts: (Long, Long)*) = {
    val steps = ((0L -> config.tau.toLong) +: starts).toMap.toIndexedSeq.sorted
    val periods = steps.map { case (from, steps) => PeriodStart(from, steps) }
    Plan(config, config.toJson, Tensors(Nil), 1, 1, 1, "", periods)
  }

  private def steps(plan: Plan) = (0 until plan.rounds).map(plan.steps)

  test("rounds have the steps of their period, and the last what is left") {
    val config = TrainConfig(workers = Some(2), tau = 4, iterations = Some(11))
    assert(steps(plan(config)) == Seq(4, 4, 3))
    assert(steps(plan(config, 0L -> 1L, 3L -> 4L)) == Seq(1, 1, 1, 4, 4))
    assert(steps(plan(config, 0L -> 1L, 5L -> 4L)) == Seq(1, 1, 1, 1, 1, 4, 2))
    assert(steps(plan(config, 0L -> 1L, 100L -> 4L)) == Seq.fill(11)(1))
    assert(steps(plan(config, 0L -> 2L, 4L -> 3L, 7L -> 9L)) == Seq(2, 2, 3, 4))
  }

  test("synchronous workers in one stage have the rounds of a Spark job a round, and stop where those are evaluated") {
    val config = TrainConfig(workers = Some(3), tau = 4, iterations = Some(11), evalEvery = 3)
    val periods = Seq(Nil, Seq(0L -> 1L, 2L -> 4L), Seq(0L -> 1L, 100L -> 4L), Seq(0L -> 2L, 4L -> 3L, 7L -> 9L))
    for (starts <- periods; strategy <- Seq("sparknet", "easgd")) {
      val rounds = plan(config.copy(consistency = Some("rounds")), starts: _*)
      val stage = plan(config.copy(strategy = strategy, consistency = Some("bsp")), starts: _*)
      assert(!rounds.inStage && stage.inStage && stage.isSynchronous && steps(stage) == steps(rounds))
      for (round <- 0 to stage.rounds) assert(stage.roundsBehind(stage.minibatchesBefore(round)) == round)
      for (round <- 1 to stage.rounds) assert(stage.roundsBehind(stage.minibatchesBefore(round) - 1) == round - 1)
      val pauses = Iterator.iterate(0)(stage.pauseAfter).drop(1).takeWhile(_ < stage.rounds).toSeq :+ stage.rounds
      assert(pauses == (1 to rounds.rounds).filter(rounds.pausesAfter))
    }
  }

  test("a round of asynchronous workers is counted when its minibatches are done, and the last with the budget") {
    val config = TrainConfig(strategy = "deepspark", workers = Some(3), tau = 4, iterations = Some(10), evalEvery = 2)
    val stage = plan(config.copy(consistency = Some("async")))
    assert(stage.budget == 30 && stage.rounds == 3)
    assert(Seq(0L, 11L, 12L, 24L, 29L, 30L).map(stage.roundsBehind) == Seq(0, 0, 1, 2, 2, 3))
    assert(!stage.pausesBetween(0, 1) && stage.pausesBetween(1, 2) && !stage.pausesBetween(2, 2))
    assert(!stage.pausesBetween(2, 3), "the end is evaluated anyway")
  }

  test("toString of a task does not show the secret") {
    val key = new ExchangerKey("""{"secret":"open sesame"}""", resumed = 1)
    val task = StageTask(WorkerCache("run", "{}", RecordFormat.Cifar10, IndexedSeq.empty), Array.empty, key)
    assert(!task.toString.contains("sesame") && !key.toString.contains("sesame"))
    assert(key.request(2, 7) == s"""{"client":{"secret":"open sesame"},"worker":2,"attempt":${(1L << 40) + 7}}""")
  }
}
