// Rounds of synchronous workers inside one stage, put together from their exchanges: a reader of a run's events finds the
// same rounds whether each of them was a Spark job or not.
package io.firesteel.train.stage

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{Json, RoundDone}
import io.firesteel.train.run.Plan
import scala.collection.mutable

private[stage] final class RoundsInStage(plan: Plan) {
  private val open = mutable.Map.empty[Int, Map[Int, JsonNode]] // by round and worker

  /** Adds a turn as the exchanger reports it; answers the round if that was its last one. A turn that is done again,
    * since a host of the center was lost with it, takes the place of the first.
    */
  def add(turn: JsonNode, seconds: Double): Option[RoundDone] = {
    val round = Json.small(turn, "exchange") // of each worker there is one a round
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
