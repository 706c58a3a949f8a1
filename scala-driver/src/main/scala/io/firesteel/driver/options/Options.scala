// The settings of a run. Their names, types and help texts are read from options.json, a resource that belongs to the
// engine (rust-core/engine/src/config), so that `sequential --help` shows the same texts. The engine also owns defaults
// and validation. The command line, configuration files and --help are all made from this table.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

import scala.jdk.CollectionConverters._
import scala.util.Using

/** One setting: `key` is the JSON key and, with two dashes, the option; `metavar` and `help` are what --help shows. */
final case class Setting(key: String, kind: ValueKind, metavar: String, help: String)

object Options {
  import ValueKind._

  /** Every key of a training configuration, in the order --help shows them. */
  val train: Seq[Setting] = Using.resource(getClass.getResourceAsStream("options.json")) { in =>
    new ObjectMapper().readTree(in).elements.asScala.map(setting).toSeq
  }

  private def setting(row: JsonNode): Setting =
    Setting(row.get("key").asText, kind(row.get("type").asText), row.path("value").asText, row.get("help").asText)

  private def kind(name: String): ValueKind = name match {
    case "text"   => Text
    case "whole"  => Whole
    case "wholes" => Wholes
    case "real"   => Real
    case "flag"   => Flag
    case "switch" => Switch
  }

  private def of(key: String): Setting = train.find(_.key == key).get

  /** The settings of `evaluate`. */
  val evaluate: Seq[Setting] = Seq(
    of("data"),
    Setting("model", Text, "DIR|FILE", "output directory of a training run, or the model.safetensors in one"),
    of("dataset"),
    Setting("split", Text, "NAME", "test (default) or train"),
    of("workers"),
    of("batch"),
    of("threads"),
    Setting("json", Flag, "", "print the result as one JSON object")
  )
}
