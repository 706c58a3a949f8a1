// metrics.jsonl: one JSON object in each line, written at once, with the same events and fields as the program
// `sequential` of rust-core/engine. A resumed run removes the lines after its checkpoint, and appends to the others.
package io.firesteel.driver

import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.databind.node._
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.firesteel.{
  Ended,
  Evaluated,
  ExchangeDone,
  Fault,
  ImagesDropped,
  Machine,
  RoundDone,
  Started,
  StoredFile,
  WorkersLoaded
}
import io.firesteel.driver.files.{LineWriter, OutputDir}

import java.io.{BufferedReader, InputStreamReader, OutputStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.time.Instant
import java.time.temporal.ChronoUnit
import scala.jdk.CollectionConverters._
import scala.util.Using

/** Writes the events of one run into `dir`. Safe to call from any thread.
  *
  * @param versions evaluated for the start event, when the native library is loaded
  * @param now the time, for the start event
  * @param submission of which the run is an attempt, where it is known
  */
final class MetricsFile(
    dir: OutputDir,
    versions: => ObjectNode,
    now: () => Instant,
    submission: Option[String] = None
) extends AutoCloseable {
  import MetricsFile._

  private var out: Option[LineWriter] = None

  /** Writes the first event. If the file exists, the lines of what was completed before stay. */
  def started(e: Started): Unit = synchronized {
    if (dir.contains(OutputDir.Metrics)) dir.write(OutputDir.Metrics) { kept =>
      dir.open(OutputDir.Metrics).foreach(Using.resource(_)(file => keep(file, e, kept)))
    }
    out = Some(dir.lines(OutputDir.Metrics))
    val start = Seq[(String, JsonNode)](
      "time" -> text(now().truncatedTo(ChronoUnit.MILLIS).toString),
      "config" -> mapper.readTree(e.config.toJson),
      "versions" -> versions,
      "hardware" -> Environment.hardware,
      "executors" -> executors(e.machines),
      "data" -> fields(
        "train_rows" -> whole(e.trainRows),
        "test_rows" -> whole(e.testRows),
        "classes" -> whole(e.classes)
      ),
      "parameters" -> whole(e.parameters)
    )
    write("start", start ++ submission.map(id => "submission" -> text(id)): _*)
  }

  def loaded(e: WorkersLoaded): Unit = {
    val devices = JsonNodeFactory.instance.arrayNode()
    e.devices.foreach(device => devices.add(device))
    write("workers", "devices" -> devices)
  }

  def dropped(e: ImagesDropped): Unit = {
    val described = JsonNodeFactory.instance.arrayNode()
    e.described.foreach(image => described.add(image))
    write("dropped", "split" -> text(e.split), "count" -> whole(e.count), "described" -> described)
  }

  def round(e: RoundDone): Unit = write(
    "round",
    "round" -> whole(e.round),
    "local_steps" -> whole(e.localSteps),
    "samples" -> whole(e.samples),
    "seconds" -> real(e.seconds),
    "loss" -> real(e.loss),
    "images_per_second" -> real(e.imagesPerSecond),
    "exchange_bytes" -> whole(e.exchangeBytes)
  )

  def exchange(e: ExchangeDone): Unit = write(
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

  def evaluated(e: Evaluated): Unit = write(
    "eval",
    "round" -> whole(e.round),
    "samples" -> whole(e.samples),
    "seconds" -> real(e.seconds),
    "wall_seconds" -> real(e.wallSeconds),
    "accuracy" -> real(e.accuracy),
    "loss" -> real(e.loss),
    "split" -> text(e.split)
  )

  def fault(e: Fault): Unit =
    write("fault", "round" -> whole(e.round), "what" -> text(e.what), "action" -> text(e.action))

  /** Writes the last event, once the model is written at `model`. */
  def ended(e: Ended, model: String): Unit = write("end", result(e) ++ exchanges(e) :+ ("model" -> text(model)): _*)

  private def result(e: Ended): Seq[(String, JsonNode)] = Seq(
    "rounds" -> whole(e.rounds),
    "samples" -> whole(e.samples),
    "seconds" -> real(e.seconds),
    "wall_seconds" -> real(e.wallSeconds),
    "accuracy" -> e.accuracy.fold[JsonNode](NullNode.instance)(real),
    "loss" -> e.loss.fold[JsonNode](NullNode.instance)(real),
    "images_per_second" -> real(e.imagesPerSecond)
  )

  private def exchanges(e: Ended): Seq[(String, JsonNode)] = e.exchanges.toSeq.flatMap { totals =>
    val staleness = JsonNodeFactory.instance.arrayNode()
    totals.staleness.foreach(count => staleness.add(count))
    Seq("exchanges" -> whole(totals.exchanges), "exchange_bytes" -> whole(totals.bytes), "staleness" -> staleness)
  }

  override def close(): Unit = synchronized(out.foreach(_.close()))

  private def write(event: String, values: (String, JsonNode)*): Unit = synchronized {
    for (lines <- out) {
      lines.write((fields(("event" -> text(event)) +: values: _*).toString + "\n").getBytes(UTF_8))
      if (Milestones(event)) lines.flush()
    }
  }
}

object MetricsFile {
  private val mapper = new ObjectMapper()

  /** Events after which no line may be lost in a crash. The checkpoint is written after `eval`, so the lines that
    * belong to it are safe by then.
    */
  private val Milestones = Set("start", "eval", "fault", "end")

  /** The submission that the last run in `dir` was an attempt of, where it is known. */
  def submission(dir: OutputDir): Option[String] = dir.open(OutputDir.Metrics).flatMap { file =>
    Using.resource(file) { _ =>
      val starts = new BufferedReader(new InputStreamReader(file.in, UTF_8)).lines.iterator.asScala
        .filter(_.startsWith("""{"event":"start","""))
      starts.reduceOption((_, last) => last).flatMap(line => Option(event(line).get("submission")).map(_.asText))
    }
  }

  /** A line as JSON; null for the half of a line that a killed process may leave. */
  private def event(line: String): JsonNode =
    try mapper.readTree(line)
    catch { case _: JsonProcessingException => NullNode.instance }

  private def text(value: String): JsonNode = TextNode.valueOf(value)
  private def whole(value: Int): JsonNode = IntNode.valueOf(value)
  private def whole(value: Long): JsonNode = LongNode.valueOf(value)

  private def executors(machines: Seq[Machine]): JsonNode = {
    val list = JsonNodeFactory.instance.arrayNode()
    machines.foreach { machine =>
      list.add(
        fields(
          "executor" -> text(machine.executor),
          "cpu" -> text(machine.cpu),
          "instruction_set" -> text(machine.instructionSet),
          "threads" -> whole(machine.threads),
          "libtorch" -> text(machine.libtorch)
        )
      )
    }
    list
  }

  /** The number; null if it is not finite, which JSON cannot express. */
  private[driver] def real(value: Double): JsonNode =
    if (java.lang.Double.isFinite(value)) DoubleNode.valueOf(value) else NullNode.instance

  private def fields(values: (String, JsonNode)*): JsonNode = {
    val node = JsonNodeFactory.instance.objectNode()
    values.foreach { case (key, value) => node.set[JsonNode](key, value) }
    node
  }

  /** Copies the lines that stay when a run is resumed as `started` says. */
  private def keep(file: StoredFile, started: Started, out: OutputStream): Unit =
    new BufferedReader(new InputStreamReader(file.in, UTF_8)).lines.iterator.asScala
      .filter(stays(_, started))
      .foreach(line => out.write(s"$line\n".getBytes(UTF_8)))

  /** Whether a line stays: not the run's end, not what comes after the checkpoint, and not an incomplete line of a
    * killed process.
    */
  private def stays(line: String, started: Started): Boolean = {
    val of = event(line)
    of.isObject && of.path("event").asText != "end" &&
    of.path("round").asInt(0) <= started.completedRounds &&
    of.path("total_steps").asLong(0) <= started.completedSteps
  }
}
