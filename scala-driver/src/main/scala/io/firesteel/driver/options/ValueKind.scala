// The types a setting can have: how its value is read from the command line, and how a JSON value is checked.
// Both ways end in a JSON value, so that everything after this file sees one shape.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{BooleanNode, DoubleNode, JsonNodeFactory, LongNode, TextNode}

import scala.jdk.CollectionConverters._

/** A type of values; `noun` names it in messages: "`x` is not `noun`". */
sealed abstract class ValueKind(val noun: String) {

  /** The value written as `text` on the command line, None where it is not one of this type. */
  def parse(text: String): Option[JsonNode]

  /** Whether a value from a JSON file is one of this type. */
  def accepts(value: JsonNode): Boolean
}

object ValueKind {
  case object Text extends ValueKind("a string") {
    def parse(text: String): Option[JsonNode] = Some(TextNode.valueOf(text))
    def accepts(value: JsonNode): Boolean = value.isTextual
  }

  case object Whole extends ValueKind("a whole number") {
    def parse(text: String): Option[JsonNode] = text.toLongOption.map(LongNode.valueOf)
    def accepts(value: JsonNode): Boolean = value.isIntegralNumber && value.canConvertToLong
  }

  case object Real extends ValueKind("a number") {
    def parse(text: String): Option[JsonNode] =
      text.toDoubleOption.filter(java.lang.Double.isFinite).map(DoubleNode.valueOf)
    def accepts(value: JsonNode): Boolean = value.isNumber && java.lang.Double.isFinite(value.asDouble)
  }

  /** A list of whole numbers; comma separated on the command line. */
  case object Wholes extends ValueKind("a list of whole numbers") {
    def parse(text: String): Option[JsonNode] = {
      val parts = text.split(",", -1).toSeq.map(part => Whole.parse(part.trim))
      Option.when(parts.forall(_.isDefined))(JsonNodeFactory.instance.arrayNode().addAll(parts.flatten.asJava))
    }
    def accepts(value: JsonNode): Boolean = value.isArray && value.elements.asScala.forall(Whole.accepts)
  }

  /** True where it stands on the command line, without a value. */
  case object Flag extends ValueKind("true or false") {
    def parse(text: String): Option[JsonNode] = text.toBooleanOption.map(BooleanNode.valueOf)
    def accepts(value: JsonNode): Boolean = value.isBoolean
  }

  /** Of three states: `--key` or `--key=true`, `--no-key` or `--key=false`, and nothing said. */
  case object Switch extends ValueKind(Flag.noun) {
    def parse(text: String): Option[JsonNode] = Flag.parse(text)
    def accepts(value: JsonNode): Boolean = Flag.accepts(value)
  }
}
