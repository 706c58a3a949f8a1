// Combines the exchanges of synchronous workers inside one stage into rounds, so that a run has the same `round` events
// whether each round is a Spark job or not.
package io.firesteel.train.stage

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{Json, RoundDone}
import io.firesteel.train.run.Plan
import scala.collection.mutable

private[stage] final class RoundsInStage(plan: Plan) {
  private val open = mutable.Map.empty[Int, Map[Int, JsonNode]] // by round and worker

  /** Adds a turn of the exchanger's report. Returns the round if this was its last turn. A turn that is repeated, because
    * a host of the center was lost, replaces the first one.
    */
  def add(turn: JsonNode, seconds: Double): Option[RoundDone] = {
    val round = Json.small(turn, "exchange") // each worker has one in each round
    val turns = open.getOrElse(round, Map.empty).updated(Json.small(turn, "worker"), turn)
    open(round) = turns
    Option.when(turns.size == plan.workers) {
      open.remove(round)
      done(round, turns.toSeq.sortBy(_._1).map(_._2), Json.whole(turn, "total-samples"), seconds)
    }
  }

  private def done(round: Int, turns: Seq[JsonNode], samples: Long, seconds: Double): RoundDone = {
    val own = turns.map(Json.whole(_, "samples"))
    val lasted = turns.map(turn => Json.real(turn, "computing") + Json.real(turn, "waiting")).max
    RoundDone(
      round,
      plan.rounds,
      plan.firstStep(round),
      samples,
      seconds,
      turns.zip(own).map { case (turn, used) => Json.real(turn, "loss") * used }.sum / own.sum,
      own.sum / lasted,
      turns.map(Json.whole(_, "bytes")).sum
    )
  }
}
