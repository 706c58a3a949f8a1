// Reads the JSON that the engine writes. Jackson takes an absent or null number for 0, which would turn a loss that is
// not a number into a loss of 0; here an absent field is an error.
package io.firesteel

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.firesteel.jni.Kind

private[firesteel] object Json {

  val mapper = new ObjectMapper()

  /** A count. */
  def whole(node: JsonNode, key: String): Long = field(node, key, _.isIntegralNumber).asLong

  /** A count that fits 32 bits. */
  def small(node: JsonNode, key: String): Int = field(node, key, _.canConvertToInt).asInt

  /** A number; NaN if it is null, as the engine writes numbers that are not finite. */
  def real(node: JsonNode, key: String): Double = {
    val value = field(node, key, value => value.isNumber || value.isNull)
    if (value.isNull) Double.NaN else value.asDouble
  }

  /** A truth value. */
  def flag(node: JsonNode, key: String): Boolean = field(node, key, _.isBoolean).asBoolean

  /** A string. */
  def text(node: JsonNode, key: String): String = field(node, key, _.isTextual).asText

  /** An object. */
  def node(node: JsonNode, key: String): JsonNode = field(node, key, _.isObject)

  /** An array. */
  def list(node: JsonNode, key: String): JsonNode = field(node, key, _.isArray)

  private def field(node: JsonNode, key: String, fits: JsonNode => Boolean): JsonNode =
    Option(node.get(key)).filter(fits).getOrElse {
      throw new FiresteelException(Kind.INTERNAL, s"the native library returned JSON without a valid $key: $node")
    }
}
