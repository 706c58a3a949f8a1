// The statistics of a comparison: of each run, and of runs that differ in their seeds only.
package io.firesteel.compare

import com.fasterxml.jackson.databind.JsonNode
import scala.jdk.CollectionConverters._

/** A mean with the standard deviation of a sample, which a single value does not have. */
private[compare] final case class Mean(mean: Double, sd: Option[Double])

private[compare] object Mean {
  def of(values: Seq[Double]): Option[Mean] = Option.when(values.nonEmpty) {
    val mean = values.sum / values.size
    val square = values.map(value => (value - mean) * (value - mean)).sum
    Mean(mean, Option.when(values.size > 1)(math.sqrt(square / (values.size - 1))))
  }
}

/** Reads a line of results.jsonl. */
private[compare] final class RunSummary(line: JsonNode) {

  /** A number of the line, if it has it. */
  def number(key: String): Option[Double] = Option(line.get(key)).filter(_.isNumber).map(_.asDouble)

  /** Seconds of all workers together that went into `part`, if that was measured. */
  def time(part: String): Option[Double] = Option(line.path("time").get(part)).filter(_.isNumber).map(_.asDouble)

  private val points = line.path("points").elements.asScala.toIndexedSeq
  private val accuracies = points.map(_.get(4).asDouble)

  /** Of the last evaluations: their standard deviation about the straight line through them, and the largest drop from one
    * to the next below that line's slope. None with fewer than four, of which a line says little.
    */
  def steadiness: Option[(Double, Double)] = {
    val last = accuracies.takeRight(math.max(RunSummary.Least, accuracies.size / 2))
    Option.when(last.size >= RunSummary.Least) {
      val (middle, mean) = ((last.size - 1) / 2.0, last.sum / last.size)
      val slope = last.zipWithIndex.map { case (y, x) => (x - middle) * (y - mean) }.sum /
        last.indices.map(x => (x - middle) * (x - middle)).sum
      val rest = last.zipWithIndex.map { case (y, x) => y - mean - slope * (x - middle) }
      val sd = math.sqrt(rest.map(r => r * r).sum / (last.size - 2))
      (sd, rest.zip(rest.tail).map { case (before, after) => before - after }.max.max(0))
    }
  }

  /** Seconds of training, virtual ones of a simulated run, and samples at the first evaluation with that accuracy. */
  def reached(goal: Double): Option[(Double, Double)] =
    points.find(_.get(4).asDouble >= goal).map(point => (seconds(point), point.get(0).asDouble))

  /** The accuracy of the last evaluation within so many seconds of training, if there was one. */
  def within(limit: Double): Option[Double] =
    points.takeWhile(seconds(_) <= limit * (1 + RunSummary.Rounding)).lastOption.map(_.get(4).asDouble)

  private def seconds(point: JsonNode): Double = Seq(point.get(1), point.get(2)).find(_.isNumber).get.asDouble
}

private[compare] object RunSummary {
  private val Least = 4
  private val Rounding = 1e-9 // of means of seconds
}
