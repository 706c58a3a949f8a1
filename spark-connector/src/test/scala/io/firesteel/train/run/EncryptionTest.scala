// Exchanges use TLS if Spark's own traffic is encrypted, unless `tls` is set.
package io.firesteel.train.run

import io.firesteel.{Json, Started, TestSpark, TrainConfig}
import io.firesteel.jni.{Engine, Exchanger}
import io.firesteel.tensors.PackedVector
import io.firesteel.train.{Events, Runs}
import org.apache.spark.SparkConf
import org.scalatest.funsuite.AnyFunSuite
import scala.util.Using

class EncryptionTest extends AnyFunSuite {
  private val settings = Seq(
    "spark.network.crypto.enabled",
    "spark.authenticate.enableSaslEncryption",
    "spark.ssl.enabled",
    "spark.ssl.rpc.enabled"
  )

  private def plan(config: TrainConfig): Plan =
    Plan.described(Engine.resolve(s"""{"config":${config.toJson},"facts":{"rows":400,"classes":10}}"""))

  private def decided(config: TrainConfig, settings: (String, String)*): Option[Boolean] = {
    val made = Encryption.decided(plan(config), new SparkConf(false).setAll(settings))
    assert(TrainConfig.fromJson(made.configJson) == made.config)
    made.config.tls
  }

  test("each of Spark's settings decides if tls is not set, and only then") {
    for (setting <- settings) {
      assert(decided(Runs.stage, setting -> "true").contains(true), setting)
      assert(decided(Runs.stage, setting -> "false").isEmpty, setting)
      assert(decided(Runs.stage.copy(tls = Some(false)), setting -> "true").contains(false), setting)
      assert(decided(Runs.small, setting -> "true").isEmpty, "rounds exchange over Spark itself")
    }
    assert(decided(Runs.stage).isEmpty && decided(Runs.stage.copy(tls = Some(true))).contains(true))
  }

  test("a run whose Spark is encrypted exchanges in TLS, with the center on the driver and on executors, and says so") {
    TestSpark.using("local[2]", "spark.authenticate" -> "true", "spark.network.crypto.enabled" -> "true") { sc =>
      for (exchangers <- Seq(0, 2)) {
        val events = new Events
        val model = Runs.train(sc, Runs.stage.copy(exchangers = exchangers), events)
        assert(model.config.tls.contains(true) && events.of[Started].head.config.tls.contains(true))
      }
    }
  }

  test("a worker gets a certificate exactly if exchanges use TLS") {
    for (tls <- Seq(None, Some(false), Some(true))) {
      val json = plan(Runs.stage.copy(tls = tls)).configJson
      val initial = PackedVector(Engine.initialWeights(json)).bytes
      Using.resource(Exchanger.open(json, initial, Array.empty[Array[Byte]])) { exchanger =>
        val server = Json.mapper.readTree(exchanger.client()).get("servers").get(0)
        assert(server.get("tls").has("certificate") == tls.contains(true))
      }
    }
  }
}
