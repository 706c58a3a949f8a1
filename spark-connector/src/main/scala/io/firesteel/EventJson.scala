// Events as JSON: the one form in which metrics.jsonl and programs in other languages see them. Its schema is the resource
// events.schema.json. Who writes the events of a run to a file adds what only the application knows.
package io.firesteel

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node._

object EventJson {

  /** One object whose first field is `event`, the event's name. Accuracies are fractions, losses means, times seconds;
    * a number that is not finite is null.
    */
  def of(e: TrainEvent): ObjectNode = e match {
    case e: Started       => started(e)
    case e: WorkersLoaded => json("workers", "devices" -> texts(e.devices))
    case e: ImagesDropped =>
      json("dropped", "split" -> text(e.split), "count" -> whole(e.count), "described" -> texts(e.described))
    case e: RoundDone    => round(e)
    case e: ExchangeDone => exchange(e)
    case e: Evaluated    => evaluated(e)
    case e: Fault        => json("fault", "round" -> whole(e.round), "what" -> text(e.what), "action" -> text(e.action))
    case e: Ended        => ended(e)
  }

  private def started(e: Started) = json(
    "start",
    "config" -> Json.mapper.readTree(e.config.toJson),
    "executors" -> list(e.machines.map(executor)),
    "data" -> fields(
      "train_rows" -> whole(e.trainRows),
      "test_rows" -> whole(e.testRows),
      "classes" -> whole(e.classes)
    ),
    "parameters" -> whole(e.parameters)
  )

  private def executor(machine: Machine) = fields(
    "executor" -> text(machine.executor),
    "cpu" -> text(machine.cpu),
    "instruction_set" -> text(machine.instructionSet),
    "threads" -> whole(machine.threads),
    "libtorch" -> text(machine.libtorch)
  )

  private def round(e: RoundDone) = json(
    "round",
    "round" -> whole(e.round),
    "local_steps" -> whole(e.localSteps),
    "samples" -> whole(e.samples),
    "seconds" -> real(e.seconds),
    "loss" -> real(e.loss),
    "images_per_second" -> real(e.imagesPerSecond),
    "exchange_bytes" -> whole(e.exchangeBytes)
  )

  private def exchange(e: ExchangeDone) = json(
    "exchange",
    "worker" -> whole(e.worker),
    "exchange" -> whole(e.exchange),
    "steps" -> whole(e.steps),
    "total_steps" -> whole(e.totalSteps),
    "samples" -> whole(e.totalSamples),
    "seconds" -> real(e.seconds),
    "loss" -> real(e.loss),
    "staleness" -> whole(e.staleness),
    "computing" -> real(e.computing),
    "exchanging" -> real(e.exchanging),
    "waiting" -> real(e.waiting)
  )

  private def evaluated(e: Evaluated) = json(
    "eval",
    "round" -> whole(e.round),
    "samples" -> whole(e.samples),
    "seconds" -> real(e.seconds),
    "wall_seconds" -> real(e.wallSeconds),
    "accuracy" -> real(e.accuracy),
    "loss" -> real(e.loss),
    "split" -> text(e.split)
  )

  private def ended(e: Ended) = {
    val totals = e.exchanges.toSeq.flatMap { all =>
      Seq(
        "exchanges" -> whole(all.exchanges),
        "exchange_bytes" -> whole(all.bytes),
        "staleness" -> list(all.staleness.map(whole))
      )
    }
    val result = Seq(
      "rounds" -> whole(e.rounds),
      "samples" -> whole(e.samples),
      "seconds" -> real(e.seconds),
      "wall_seconds" -> real(e.wallSeconds),
      "accuracy" -> e.accuracy.fold[JsonNode](NullNode.instance)(real),
      "loss" -> e.loss.fold[JsonNode](NullNode.instance)(real),
      "images_per_second" -> real(e.imagesPerSecond),
      "best_round" -> e.bestRound.fold[JsonNode](NullNode.instance)(round => whole(round.toLong)),
      "best_accuracy" -> e.bestAccuracy.fold[JsonNode](NullNode.instance)(real),
      "reason" -> text(e.reason.name)
    )
    json("end", result ++ totals: _*)
  }

  private def json(event: String, values: (String, JsonNode)*): ObjectNode =
    fields(("event" -> text(event)) +: values: _*)

  private def fields(values: (String, JsonNode)*): ObjectNode = {
    val node = JsonNodeFactory.instance.objectNode()
    values.foreach { case (key, value) => node.set[JsonNode](key, value) }
    node
  }

  private def list(values: Seq[JsonNode]): JsonNode = {
    val node = JsonNodeFactory.instance.arrayNode()
    values.foreach(node.add(_: JsonNode))
    node
  }

  private def text(value: String): JsonNode = TextNode.valueOf(value)
  private def texts(values: Seq[String]): JsonNode = list(values.map(text))
  private def whole(value: Long): JsonNode = LongNode.valueOf(value)

  /** The number; null if it is not finite, which JSON cannot express. */
  private[firesteel] def real(value: Double): JsonNode =
    if (java.lang.Double.isFinite(value)) DoubleNode.valueOf(value) else NullNode.instance
}
