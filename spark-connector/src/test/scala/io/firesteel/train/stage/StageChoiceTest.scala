// Which settings make `sparknet` run in one stage, and what a user is told to change where that has too few task slots.
package io.firesteel.train.stage

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel._
import io.firesteel.jni.{Engine, Kind, NativeException}
import io.firesteel.train.Runs
import org.scalatest.funsuite.AnyFunSuite

class StageChoiceTest extends AnyFunSuite {
  private val three = Runs.small.copy(workers = Some(3))

  /** Configurations in which only this setting is set, to other values than its default. */
  private def set(row: SettingRow): Seq[TrainConfig] = {
    val values = row.valueType match {
      case "flag"                  => Seq("true")
      case "switch"                => Seq("true", "false")
      case "real"                  => Seq("0.5")
      case "whole"                 => Seq(row.default.fold(3L)(_.asLong + 3).toString)
      case "wholes"                => Seq("[3]")
      case _ if row.names.nonEmpty => row.names.map(name => s""""$name"""")
      case _                       => Seq(""""x"""")
    }
    values
      .filterNot(value => row.default.contains[JsonNode](Json.mapper.readTree(value)))
      .map(value => TrainConfig.fromJson(s"""{"${row.key}":$value}"""))
  }

  private def isStage(config: TrainConfig): Boolean =
    try TrainConfig.fromJson(Engine.resolve(s"""{"config":${config.toJson}}""")).consistency.contains("bsp")
    catch { case e: NativeException if e.kind == Kind.CONFIG => false } // it needs another setting beside it

  test("the settings that are told to be left out are those for which the engine takes one stage") {
    val settings =
      for (row <- Schema.settings if !Seq("consistency", "strategy").contains(row.key); one <- set(row))
        yield row.key -> one
    val (stage, either) = settings.partition { case (_, config) => isStage(config) }
    for ((key, config) <- stage) assert(StageChoice.stageKeys(config) == Seq(key))
    for ((_, config) <- either) assert(StageChoice.stageKeys(config).isEmpty)
    val exchange = Schema.settings.filter(_.group == "exchange").map(_.key)
    assert(stage.map(_._1).toSet == exchange.toSet + "outer" && exchange.contains("tls"))
  }

  /** What a run of three workers on two slots is told to do instead of bringing a slot. */
  private def told(config: TrainConfig, settings: (String, String)*): String =
    TestSpark.using("local[2]", settings: _*) { sc =>
      val e = intercept[FiresteelException](Runs.train(sc, config))
      assert(e.kind == Kind.CONFIG)
      e.getMessage.split("--master local\\[3\\], or ").last
    }

  test("a run that has too few slots is told what to change so that it runs in rounds") {
    val encrypted = Seq("spark.authenticate" -> "true", "spark.network.crypto.enabled" -> "true")
    val bsp = three.copy(consistency = Some("bsp"))
    assert(told(three.copy(tls = Some(true), shards = 2)) == "leave out shards, tls: rounds run on fewer")
    assert(told(bsp) == "set consistency to rounds: rounds run on fewer")
    assert(told(bsp.copy(tls = Some(true))) == "set consistency to rounds and leave out tls: rounds run on fewer")
    // where Spark is encrypted exchanges are too, and nobody asked for it
    assert(told(bsp, encrypted: _*) == "set consistency to rounds: rounds run on fewer")
  }

  test("what a run is told to do lets it run") {
    TestSpark.using("local[2]") { sc =>
      for (mended <- Seq(three, three.copy(consistency = Some("rounds")), three.copy(tls = Some(false))))
        assert(Runs.train(sc, mended).config.consistency.contains("rounds"))
    }
  }
}
