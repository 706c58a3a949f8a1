// The types of settings: how a value is parsed on the command line, and checked in a JSON file. In both cases the
// result is a JSON value.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{BooleanNode, DoubleNode, JsonNodeFactory, LongNode, TextNode}

import scala.jdk.CollectionConverters._

/** A type of values; `noun` is its name in messages, as in "'x' is not a number". */
sealed abstract class ValueKind(val noun: String) {

  /** The value of `text` on the command line; None if it is not of this type. */
  def parse(text: String): Option[JsonNode]

  /** Whether a value in a JSON file is of this type. */
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

  /** A list of whole numbers; separated by commas on the command line. */
  case object Wholes extends ValueKind("a list of whole numbers") {
    def parse(text: String): Option[JsonNode] = {
      val parts = text.split(",", -1).toSeq.map(part => Whole.parse(part.trim))
      Option.when(parts.forall(_.isDefined))(JsonNodeFactory.instance.arrayNode().addAll(parts.flatten.asJava))
    }
    def accepts(value: JsonNode): Boolean = value.isArray && value.elements.asScala.forall(Whole.accepts)
  }

  /** An option without a value: true if it is given. */
  case object Flag extends ValueKind("true or false") {
    def parse(text: String): Option[JsonNode] = text.toBooleanOption.map(BooleanNode.valueOf)
    def accepts(value: JsonNode): Boolean = value.isBoolean
  }

  /** An option with three states: on (`--key` or `--key=true`), off (`--no-key` or `--key=false`) and absent. */
  case object Switch extends ValueKind(Flag.noun) {
    def parse(text: String): Option[JsonNode] = Flag.parse(text)
    def accepts(value: JsonNode): Boolean = Flag.accepts(value)
  }
}
