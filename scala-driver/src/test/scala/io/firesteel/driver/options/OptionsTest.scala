// The table of settings against the configuration it fills.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{Schema, TrainConfig}
import io.firesteel.jni.{Engine, NativeException}
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class OptionsTest extends AnyFunSuite {
  private val mapper = new ObjectMapper()

  test("the table of the resource is the engine's") {
    assert(mapper.readTree(Engine.schema()) == Schema.json)
  }

  test("the configuration has the keys and the defaults of the table, and no others") {
    val fields = TrainConfig().productElementNames.map(new KebabCaseStrategy().translate).toSet
    assert(fields == Options.train.map(_.key).toSet)
    val defaults = mapper.readTree(TrainConfig().toJson)
    for (row <- Schema.json.get("settings").elements.asScala)
      assert(defaults.get(row.get("key").asText) == row.get("default"), row)
  }

  test("the engine knows every option, and every key it resolves is one") {
    for (setting <- Options.train) {
      val refused = intercept[NativeException](Engine.resolve(s"""{"config":{"${setting.key}":{}}}"""))
      assert(!refused.getMessage.contains("unknown key"), setting.key)
    }
    val facts = """"facts":{"rows":50000,"classes":10}"""
    val resolved = Engine.resolve(s"""{"config":{"data":"d","out":"o","workers":2},$facts}""")
    val known = Options.train.map(_.key).toSet
    assert(new ObjectMapper().readTree(resolved).fieldNames.asScala.toSet.subsetOf(known))
    for (strategy <- Seq("deepspark", "dcasgd", "async-nesterov", "eamsgd", "hogwild")) {
      val workers = if (strategy == "hogwild") 1 else 2
      val filled = Engine.resolve(s"""{"config":{"strategy":"$strategy","workers":$workers},$facts}""")
      assert(new ObjectMapper().readTree(filled).fieldNames.asScala.toSet.subsetOf(known), strategy)
      assert(TrainConfig.fromJson(filled).strategy == strategy)
    }
  }

  test("what the engine fills in for a solver and a policy are options too") {
    val known = Options.train.map(_.key).toSet
    for (
      more <- Seq(""""solver":"adam"""", """"solver":"muon","lookahead-every":5""", """"lr-policy":"triangular"""")
    ) {
      val filled = Engine.resolve(s"""{"config":{"workers":2,$more},"facts":{"rows":50000,"classes":10}}""")
      val keys = new ObjectMapper().readTree(filled).fieldNames.asScala.toSet
      assert(keys.subsetOf(known) && keys.intersect(Set("delta", "lookahead-alpha", "lr-end")).size == 1, more)
      assert(TrainConfig.fromJson(filled).workers.contains(2))
    }
  }

  test("every type of a setting takes what the configuration takes") {
    val samples = Map[ValueKind, String](
      ValueKind.Text -> "a",
      ValueKind.Whole -> "7",
      ValueKind.Real -> "0.5",
      ValueKind.Wholes -> "4000,4500",
      ValueKind.Flag -> "true",
      ValueKind.Switch -> "false"
    )
    for (setting <- Options.train) {
      val value = setting.kind.parse(samples(setting.kind)).get
      assert(setting.kind.accepts(value), setting.key)
      val config = TrainConfig.fromJson(JsonSettings.empty.set[ObjectNode](setting.key, value).toString)
      assert(config != TrainConfig(), setting.key)
    }
  }
}
