// Fields of the JSON that the engine writes. Jackson reads an absent or null number as 0, which would make a loss of
// nothing out of one that is no number; here an absent field is a defect that is told.
package io.firesteel

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.firesteel.jni.Kind

private[firesteel] object Json {

  val mapper = new ObjectMapper()

  /** A count. */
  def whole(node: JsonNode, key: String): Long = field(node, key, _.isIntegralNumber).asLong

  /** A count that fits 32 bits. */
  def small(node: JsonNode, key: String): Int = field(node, key, _.canConvertToInt).asInt

  /** A number; NaN where the engine had one that JSON cannot say, which it writes as null. */
  def real(node: JsonNode, key: String): Double = {
    val value = field(node, key, value => value.isNumber || value.isNull)
    if (value.isNull) Double.NaN else value.asDouble
  }

  def flag(node: JsonNode, key: String): Boolean = field(node, key, _.isBoolean).asBoolean

  def text(node: JsonNode, key: String): String = field(node, key, _.isTextual).asText

  def node(node: JsonNode, key: String): JsonNode = field(node, key, _.isObject)

  def list(node: JsonNode, key: String): JsonNode = field(node, key, _.isArray)

  private def field(node: JsonNode, key: String, fits: JsonNode => Boolean): JsonNode =
    Option(node.get(key)).filter(fits).getOrElse {
      throw new FiresteelException(Kind.INTERNAL, s"the native library answered without a usable $key: $node")
    }
}
