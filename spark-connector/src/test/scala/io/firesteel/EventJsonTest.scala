// The JSON of events, their schema and their documentation have the same fields.
package io.firesteel

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.train.{Events, Runs}
import java.nio.file.Files
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._
import scala.util.Using

class EventJsonTest extends AnyFunSuite {
  private val schemas: Map[String, JsonNode] =
    Using
      .resource(classOf[TrainEvent].getResourceAsStream("events.schema.json"))(Json.mapper.readTree(_))
      .get("$defs")
      .properties
      .asScala
      .map(entry => entry.getKey -> entry.getValue)
      .toMap

  private def required(schema: JsonNode): Set[String] = schema.get("required").elements.asScala.map(_.asText).toSet
  private def properties(schema: JsonNode): Map[String, JsonNode] =
    schema.get("properties").properties.asScala.map(entry => entry.getKey -> entry.getValue).toMap

  /** The types that the schema names, of which one must fit. */
  private def fits(value: JsonNode, schema: JsonNode): Boolean = {
    val named = Option(schema.get("type")).toSeq.flatMap { types =>
      if (types.isArray) types.elements.asScala.map(_.asText).toSeq else Seq(types.asText)
    }
    if (schema.has("const")) value.asText == schema.get("const").asText
    else
      named.exists {
        case "integer" => value.isIntegralNumber
        case "number"  => value.isNumber
        case "string"  => value.isTextual
        case "null"    => value.isNull
        case "object"  => value.isObject
        case "array"   => value.isArray && value.elements.asScala.forall(fits(_, schema.get("items")))
      }
  }

  private def check(e: TrainEvent): String = {
    val json = EventJson.of(e)
    val name = json.get("event").asText
    assert(json.fieldNames.next() == "event")
    val (schema, fields) = (schemas(name), json.fieldNames.asScala.toSet)
    assert(required(schema).subsetOf(fields), e)
    for (field <- fields) assert(fits(json.get(field), properties(schema)(field)), s"$field of $json")
    name
  }

  test("every event has the fields and types of the schema") {
    val events = new Events
    TestSpark.using("local[2]") { sc =>
      Runs.train(sc, Runs.small.copy(workers = Some(2), consistency = Some("rounds")), events)
      Runs.train(sc, Runs.stage, events)
    }
    val others = Seq(
      ImagesDropped("train", 2, Seq("a.png: text, not an image")),
      Fault(1, "executor 3", "the round is done again"),
      Evaluated(1, 20, 0.5, 0.6, 0.1, Double.NaN, "test")
    )
    val seen = (events.of[TrainEvent] ++ others).map(check).toSet
    assert(seen == schemas.keySet)
  }

  test("the documented fields are those of the schema") {
    val document = Files.readAllLines(TestSpark.root.resolve("docs/configuration.md")).asScala.toSeq
    val lines = document.dropWhile(!_.startsWith("| event | fields |"))
    for ((name, schema) <- schemas) {
      val row = lines.find(_.startsWith(s"| `$name` |")).getOrElse(fail(s"no row of $name"))
      val named = """`([a-z_]+)`""".r.findAllMatchIn(row).map(_.group(1)).toSet
      assert((properties(schema).keySet - "event").diff(named).isEmpty, row)
    }
  }
}
