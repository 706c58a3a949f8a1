// Makes the data of a report small enough for a page: fewer points, fewer digits, shorter errors. Others' reports of many
// runs reach 100 MB, which browsers do not open.
package io.firesteel.compare

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{
  ArrayNode,
  DoubleNode,
  LongNode,
  NullNode,
  NumericNode,
  ObjectNode,
  TextNode
}
import io.firesteel.Json
import java.math.MathContext
import scala.jdk.CollectionConverters._

private[compare] object Compact {
  private[compare] val PointsOfRun = 1000 // more than a chart has pixels for
  private[compare] val PointsOfAll = 20_000 // about 50 bytes each; with the 0.7 MB of ECharts the page stays under 2 MB
  private val LeastPoints = 20 // of a run, however many runs there are
  private val Error = 1000 // characters; the whole error is in results.jsonl
  private val Digits = 6 // significant ones
  private val Exact = 1e9 // whole numbers below it are kept: samples, which runs have in common

  /** A copy of `data` for the page; its points are evenly thinned out, with the first and the last of each run. */
  def apply(data: ObjectNode): ObjectNode = {
    val runs = data.path("groups").elements.asScala.map(_.path("runs").size).sum
    val keep = math.min(PointsOfRun, math.max(LeastPoints, PointsOfAll / math.max(runs, 1)))
    copy(data, keep).asInstanceOf[ObjectNode]
  }

  private def copy(node: JsonNode, keep: Int): JsonNode = node match {
    case fields: ObjectNode =>
      val copied = Json.mapper.createObjectNode()
      for (field <- fields.properties.asScala)
        copied.set[JsonNode](
          field.getKey,
          (field.getKey, field.getValue) match {
            case ("points", points: ArrayNode) => list(thinned(points.elements.asScala.toIndexedSeq, keep), keep)
            case ("error", text: TextNode)     => cut(text.textValue)
            case (_, value)                    => copy(value, keep)
          }
        )
      copied
    case values: ArrayNode   => list(values.elements.asScala.toSeq, keep)
    case number: NumericNode => rounded(number)
    case other               => other
  }

  private def list(values: Seq[JsonNode], keep: Int): ArrayNode =
    Json.mapper.createArrayNode().addAll(values.map(copy(_, keep)).asJava)

  private def thinned(points: IndexedSeq[JsonNode], keep: Int): Seq[JsonNode] =
    if (points.size <= keep) points
    else (0 until keep).map(i => points(math.round(i * (points.size - 1) / (keep - 1.0)).toInt))

  private def cut(text: String): JsonNode =
    TextNode.valueOf(if (text.length <= Error) text else text.take(Error) + "…")

  /** Null for a number that is not finite, for which JSON has no word. */
  private def rounded(number: NumericNode): JsonNode = {
    val value = number.asDouble
    if (!java.lang.Double.isFinite(value)) NullNode.instance
    else if (value.isWhole && math.abs(value) < Exact) LongNode.valueOf(value.toLong)
    else DoubleNode.valueOf(BigDecimal(value).round(new MathContext(Digits)).toDouble)
  }
}
