// Reads configuration files: a flat JSON object whose keys are the command's options without the two dashes. It is
// checked with the same table as the command line, so that the message for a wrong key names the file.
package io.firesteel.driver.options

import com.fasterxml.jackson.core.{JsonParser, JsonProcessingException}
import com.fasterxml.jackson.databind.node.ObjectNode
import com.fasterxml.jackson.databind.{DeserializationFeature, JsonNode, ObjectMapper}
import io.firesteel.{Failure, FiresteelException, Schema}
import io.firesteel.jni.Kind

import java.io.IOException
import java.nio.file.{Files, Path}
import scala.jdk.CollectionConverters._

object ConfigFile {
  private val MaxBytes = 1 << 20 // a configuration has a few hundred bytes; a larger file is not one

  private val mapper = new ObjectMapper()
    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
    .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)

  /** The settings in the file at `path`.
    *
    * @throws FiresteelException of kind config that names the file and the key, or the line and column
    */
  def read(path: Path, settings: Seq[Setting]): ObjectNode = {
    val source = s"configuration file $path"
    val bytes =
      try {
        if (Files.size(path) > MaxBytes) fail(s"$source: more than $MaxBytes bytes")
        Files.readAllBytes(path)
      } catch { case e: IOException => throw new FiresteelException(Kind.CONFIG, s"read $source", e) }
    val values = RunConfig.onlyAsked(parse(bytes, source))
    for (entry <- values.properties.asScala) check(entry.getKey, entry.getValue)

    def check(key: String, value: JsonNode): Unit = settings.find(_.key == key) match {
      case None =>
        val near = Schema.nearest(key, settings.map(_.key))
        fail(s"$source: unknown key '$key'" + near.fold("")(near => s": did you mean '$near'?"))
      case Some(setting) if !setting.kind.accepts(value) =>
        fail(s"$source: key '$key': $value is not ${setting.kind.noun}")
      case Some(_) =>
    }
    values
  }

  /** The JSON object in `bytes`; `source` names them in messages. */
  def parse(bytes: Array[Byte], source: String): ObjectNode =
    try
      mapper.readTree(bytes) match {
        case values: ObjectNode => values
        case _                  => fail(s"$source: not a JSON object")
      }
    catch {
      case e: JsonProcessingException =>
        val at = Option(e.getLocation).fold("")(at => s", line ${at.getLineNr}, column ${at.getColumnNr}")
        throw new FiresteelException(Kind.CONFIG, s"$source$at: ${Failure.sentence(e.getOriginalMessage)}")
    }

  private def fail(message: String): Nothing = throw new FiresteelException(Kind.CONFIG, message)
}
