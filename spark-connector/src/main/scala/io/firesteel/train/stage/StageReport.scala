// What the exchanger reports of a running stage: totals, and each turn since the last report.
package io.firesteel.train.stage

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{ExchangeTotals, Json}
import io.firesteel.jni.Exchanger
import scala.jdk.CollectionConverters._

/** @param steps minibatches of all workers so far, as `samples`
  * @param turns local steps and an exchange of one worker each, as the JSON of [[io.firesteel.jni.Exchanger#report]]
  * @param dropped turns so far that are in no report, since too many came between two reports
  * @param diverged the worker and the turn in which a loss or a weight became NaN or infinite
  */
private[train] final case class StageReport(
    steps: Long,
    samples: Long,
    turns: Seq[JsonNode],
    dropped: Long,
    totals: ExchangeTotals,
    diverged: Option[(Int, Long)]
)

private[train] object StageReport {
  def of(exchanger: Exchanger): StageReport = read(exchanger.report())

  def read(json: String): StageReport = {
    val report = Json.mapper.readTree(json)
    val staleness = Json.list(report, "staleness").elements.asScala.map(_.asLong).toSeq
    StageReport(
      Json.whole(report, "steps"),
      Json.whole(report, "samples"),
      Json.list(report, "turns").elements.asScala.toSeq,
      Json.whole(report, "dropped-turns"),
      ExchangeTotals(
        staleness.sum, // each exchange counts once, however many exchangers the center is divided among
        Json.whole(report, "bytes"),
        staleness
      ),
      Some(report.get("diverged")).filter(_.isObject).map(at => (at.get("worker").asInt, at.get("turn").asLong))
    )
  }
}
