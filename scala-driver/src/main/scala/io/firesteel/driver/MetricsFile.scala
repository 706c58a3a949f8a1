// metrics.jsonl: one JSON object in each line, written at once, with the same events and fields as the program
// `sequential` of rust-core/engine. A resumed run removes the lines after its checkpoint, and appends to the others.
package io.firesteel.driver

import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.databind.node.{NullNode, ObjectNode}
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.firesteel.{Build, Ended, EventJson, Started, StoredFile, TrainEvent, TrainListener}
import io.firesteel.driver.files.OutputDir
import io.firesteel.files.{Directory, LineWriter}

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
    dir: Directory,
    versions: => ObjectNode,
    now: () => Instant,
    submission: Option[String] = None
) extends TrainListener
    with AutoCloseable {
  import MetricsFile._

  private var out: Option[LineWriter] = None

  /** Writes the first event. If the file exists, the lines of what was completed before stay. */
  override def started(e: Started): Unit = synchronized {
    if (dir.contains(OutputDir.Metrics)) dir.write(OutputDir.Metrics) { kept =>
      dir.open(OutputDir.Metrics).foreach(Using.resource(_)(file => keep(file, e, kept)))
    }
    out = Some(dir.lines(OutputDir.Metrics))
    val line = EventJson.of(e).put("time", now().truncatedTo(ChronoUnit.MILLIS).toString)
    line.set[JsonNode]("versions", versions)
    line.set[JsonNode]("hardware", Build.hardware)
    submission.foreach(line.put("submission", _))
    write(line)
  }

  /** To be called once the model is written. */
  override def ended(e: Ended): Unit = write(EventJson.of(e).put("model", dir.location(OutputDir.Model)))

  override def event(e: TrainEvent): Unit = write(EventJson.of(e))

  override def close(): Unit = synchronized(out.foreach(_.close()))

  private def write(line: ObjectNode): Unit = synchronized {
    for (lines <- out) {
      lines.write(s"$line\n".getBytes(UTF_8))
      if (Milestones(line.get("event").asText)) lines.flush()
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
  def submission(dir: Directory): Option[String] = dir.open(OutputDir.Metrics).flatMap { file =>
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
