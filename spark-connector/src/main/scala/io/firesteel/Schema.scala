// The table of settings, which belongs to the engine (rust-core/engine/src/config/table.rs). It is read from a resource,
// so that a help text needs no libtorch; `Engine.schema` hands out the same.
package io.firesteel

import com.fasterxml.jackson.databind.JsonNode
import java.util.Locale
import org.apache.commons.text.similarity.LevenshteinDistance
import scala.jdk.CollectionConverters._
import scala.util.Using

/** One setting of a run.
  *
  * @param key the key in JSON
  * @param valueType text, whole, wholes, real, flag or switch
  * @param group the name of its group
  * @param value a word for its value; empty for flags and switches
  * @param help what it means, its values if they are names, and its default
  * @param common whether most runs need it
  * @param default of the table; none if it depends on others, or if absence is a value
  * @param names its values, if they are names
  * @param limits of its numbers
  */
final case class SettingRow(
    key: String,
    valueType: String,
    group: String,
    value: String,
    help: String,
    common: Boolean,
    default: Option[JsonNode],
    names: Seq[String],
    limits: Limits
) {

  /** The key as Scala, Java and Python write it: `evalEvery`. */
  def camelCase: String = Schema.camelCase(key)
}

/** Which numbers a setting may be. */
final case class Limits(least: Option[Double], above: Option[Double], most: Option[Double], below: Option[Double]) {
  def contain(value: Double): Boolean =
    least.forall(value >= _) && above.forall(value > _) && most.forall(value <= _) && below.forall(value < _)
}

/** A group of settings, with a few words on what they are about. */
final case class SettingGroup(name: String, summary: String)

object Schema {

  /** The whole table, as `Engine.schema` describes it. */
  val json: JsonNode = Using.resource(getClass.getResourceAsStream("schema.json"))(Json.mapper.readTree(_))

  /** In the order of the help text. */
  val groups: Seq[SettingGroup] = json
    .get("groups")
    .elements
    .asScala
    .map(row => SettingGroup(row.get("name").asText, row.get("summary").asText))
    .toSeq

  /** In the order of the help text. */
  val settings: Seq[SettingRow] = json.get("settings").elements.asScala.map(row).toSeq

  /** The defaults of the settings that have one, by key. */
  val defaults: Map[String, JsonNode] = settings.flatMap(row => row.default.map(row.key -> _)).toMap

  /** The one of `known` that is most similar to `key`, if it is similar enough; by the same measure as the engine. */
  def nearest(key: String, known: Seq[String]): Option[String] = {
    val (distance, asked) = (LevenshteinDistance.getDefaultInstance, key.toLowerCase(Locale.ROOT))
    known.minByOption(distance(asked, _).intValue).filter(near => distance(asked, near) <= 1 + key.length / 3)
  }

  /** A key in camel case. */
  def camelCase(key: String): String = {
    val words = key.split('-')
    words.head + words.tail.map(_.capitalize).mkString
  }

  private def limits(node: JsonNode): Limits = {
    def of(name: String) = Option(node.get(name)).map(_.asDouble)
    Limits(of("least"), of("above"), of("most"), of("below"))
  }

  private def row(row: JsonNode): SettingRow = SettingRow(
    row.get("key").asText,
    row.get("type").asText,
    row.get("group").asText,
    row.path("value").asText,
    row.get("help").asText,
    row.get("common").asBoolean,
    Option(row.get("default")),
    row.path("names").elements.asScala.map(_.asText).toSeq,
    limits(row.path("limits"))
  )
}
