// What a run of a comparison told, as a line of results.jsonl.
package io.firesteel.compare

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import io.firesteel._
import scala.collection.mutable
import scala.jdk.CollectionConverters._

/** Receives the events of one run.
  *
  * @param seconds of training after which the run ends, where the budget is one of time
  */
private[compare] final class CellResult(planned: PlannedCell, seconds: Option[Double]) extends TrainListener {
  private val workers = planned.config.workers.get
  private val points = mutable.Buffer.empty[JsonNode]
  private var bytes, samples = 0L // of the rounds so far
  private var computing, exchanging = 0.0 // seconds of all workers together
  private var exchanges = 0L
  private var end = Option.empty[Ended]
  @volatile private var over = false

  override def stops: Boolean = over

  override def round(e: RoundDone): Unit = {
    if (workers > 1) bytes += e.exchangeBytes // as below
    // inside one stage, exchanges tell more exactly how long their workers computed
    if (exchanges == 0) computing += (e.samples - samples) / e.imagesPerSecond * workers
    samples = e.samples
    lasted(e.seconds)
  }

  override def exchange(e: ExchangeDone): Unit = {
    exchanges += 1
    computing += e.computing
    exchanging += e.waiting
    lasted(e.seconds)
  }

  override def evaluated(e: Evaluated): Unit = {
    val point = Json.mapper.createArrayNode()
    point.add(e.samples).add(e.seconds).addNull().add(bytes).add(e.accuracy).add(EventJson.real(e.loss))
    points += point
  }

  override def ended(e: Ended): Unit = end = Some(e)

  private def lasted(now: Double): Unit = if (seconds.exists(now >= _)) over = true

  /** The line of a run that has ended. */
  def done: ObjectNode = {
    val line = CellResult.line(planned, "done")
    end.foreach { e =>
      val total = e.exchanges.fold(bytes)(_.bytes)
      line
        .put("samples", e.samples)
        .put("seconds", e.seconds)
        .put("wall_seconds", e.wallSeconds)
        .put("images_per_second", e.imagesPerSecond)
        .put("bytes", total)
      e.accuracy.foreach(line.put("accuracy", _))
      e.bestAccuracy.foreach(line.put("best", _))
      for (all <- e.exchanges if all.exchanges > 0)
        line.put(
          "staleness",
          all.staleness.zipWithIndex.map { case (n, late) => n * late }.sum.toDouble / all.exchanges
        )
      val time = line.putObject("time")
      val whole = e.seconds * workers
      CellResult.putTime(time, whole, computing, exchanging)
      line.putArray("points").addAll(CellResult.withBytes(points.toSeq, e.samples, total))
    }
    line
  }
}

private[compare] object CellResult {

  /** The line of a simulated run, whose seconds are virtual ones.
    *
    * @param summary as of `Simulation.run`
    */
  def simulated(planned: PlannedCell, summary: JsonNode): ObjectNode = {
    val line = CellResult.line(planned, "done")
    val (samples, seconds) = (Json.whole(summary, "samples"), Json.real(summary, "virtual_seconds"))
    line.put("samples", samples).put("seconds", seconds).put("wall_seconds", Json.real(summary, "seconds"))
    // one machine exchanges nothing, though Spark sends it the weights
    def bytes(of: JsonNode) = if (planned.config.workers.contains(1)) 0L else Json.whole(of, "bytes")
    line.put("images_per_second", samples / seconds).put("bytes", bytes(summary))
    val points = Json.list(summary, "points").elements.asScala.toSeq
    val accuracies = points.map(Json.real(_, "accuracy"))
    val best = accuracies.maxOption
    val result =
      if (planned.config.restoreBestWeights) best else accuracies.lastOption // of the weights that a run returns
    result.foreach(line.put("accuracy", _))
    best.foreach(line.put("best", _))
    val exchanges = Json.whole(summary, "exchanges")
    val staleness = Json.list(summary, "staleness").elements.asScala.map(_.asLong).toSeq
    if (exchanges > 0) {
      line.put("staleness", staleness.zipWithIndex.map { case (n, late) => n * late }.sum.toDouble / exchanges)
      line.set[JsonNode]("staleness_counts", summary.get("staleness"))
    }
    val (computing, exchanging) = (Json.real(summary, "computing"), Json.real(summary, "exchanging"))
    putTime(line.putObject("time"), seconds * planned.config.workers.get, computing, exchanging)
    val shown = line.putArray("points")
    points.foreach { at =>
      val point = shown.addArray()
      point.add(Json.whole(at, "samples")).addNull().add(Json.real(at, "virtual_seconds"))
      point.add(bytes(at)).add(Json.real(at, "accuracy")).add(at.get("loss"))
    }
    line
  }

  /** @param whole seconds of all workers together */
  private def putTime(time: ObjectNode, whole: Double, computing: Double, exchanging: Double): Unit =
    time
      .put("compute", computing)
      .put("exchange", exchanging)
      .put("rest", math.max(0, whole - computing - exchanging))

  /** The line of a run that failed. */
  def failed(planned: PlannedCell, error: Throwable): ObjectNode =
    line(planned, "failed").put("error", Failure.line(FiresteelException.unwrap(error)))

  private def line(planned: PlannedCell, status: String): ObjectNode = {
    val line = Json.mapper.createObjectNode()
    line.put("digest", planned.digest).put("status", status)
    val labels = line.putObject("cell")
    planned.cell.labels.foreach { case (key, label) => labels.put(key, label) }
    line.put("workers", planned.config.workers.get).put("command", planned.command)
    line.set[JsonNode]("config", Json.mapper.readTree(planned.config.toJson))
    planned.cluster.foreach(line.set[JsonNode]("cluster", _))
    line
  }

  /** Evaluations of asynchronous runs, whose exchanges tell no bytes, with the part of the run's bytes that their samples
    * are of all: exchanges are equally large.
    */
  private def withBytes(points: Seq[JsonNode], samples: Long, bytes: Long): java.util.List[JsonNode] =
    points.map {
      case point: ArrayNode if samples > 0 && point.get(3).asLong == 0 =>
        val copy = point.deepCopy()
        copy.set(3, math.round(bytes.toDouble * point.get(0).asLong / samples))
        copy
      case point => point
    }.asJava
}
