// The table of settings, which belongs to the engine (rust-core/engine/src/config/table.rs). It is read from a resource,
// so that a help text needs no libtorch; `Engine.schema` hands out the same.
package io.firesteel

import com.fasterxml.jackson.databind.JsonNode
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
  */
final case class SettingRow(
    key: String,
    valueType: String,
    group: String,
    value: String,
    help: String,
    common: Boolean
)

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

  private def row(row: JsonNode): SettingRow = SettingRow(
    row.get("key").asText,
    row.get("type").asText,
    row.get("group").asText,
    row.path("value").asText,
    row.get("help").asText,
    row.get("common").asBoolean
  )
}
