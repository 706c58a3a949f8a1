// The Scala mirror of the engine's configuration.
package io.firesteel

import io.firesteel.jni.{Engine, Kind}
import org.scalatest.funsuite.AnyFunSuite

class TrainConfigTest extends AnyFunSuite {
  private val full = TrainConfig(
    data = Some("hdfs://host/data"),
    dataset = Some("cifar10"),
    classes = Some(10),
    workers = Some(4),
    batch = Some(100),
    iterations = Some(2000000000L),
    lr = Some(1),
    momentum = Some(0.9),
    weightDecay = Some(0.004),
    lrPolicy = Some("multistep"),
    gamma = Some(0.1),
    stepvalue = Some(Seq(1L, 2000000000L)),
    seed = 1L << 40,
    out = Some("out"),
    resume = true
  )

  test("JSON and back is the same configuration") {
    assert(TrainConfig.fromJson(full.toJson) == full)
    assert(TrainConfig.fromJson(TrainConfig().toJson) == TrainConfig())
    assert(full.toJson.contains("\"weight-decay\":0.004") && !full.toJson.contains("epochs"))
  }

  test("numbers have the types of their fields") {
    val read = TrainConfig.fromJson("""{"lr":1,"iterations":2,"stepvalue":[1,2],"epochs":3,"workers":2}""")
    assert(read.lr.map(_ / 2).contains(0.5) && read.iterations.map(_ + 1L).contains(3L))
    assert(read.stepvalue.map(_.sum).contains(3L) && read.epochs.map(_ / 2).contains(1.5))
  }

  test("keys and defaults are those of the engine") {
    assert(TrainConfig.fromJson(Engine.resolve(s"""{"config":${full.toJson}}""")) == full)
    val resolved = TrainConfig.fromJson(Engine.resolve("""{"config":{}}"""))
    val recipe = resolved.copy(batch = None, lr = None, momentum = None, weightDecay = None)
    assert(recipe == TrainConfig())
  }

  test("an unknown key and a wrong type are failures of kind config that name the key") {
    def said(json: String) = {
      val e = intercept[FiresteelException](TrainConfig.fromJson(json))
      assert(e.kind == Kind.CONFIG)
      e.getMessage
    }
    assert(said("""{"tua":1}""").startsWith("configuration: tua: "))
    assert(said("""{"tau":"ten"}""").startsWith("configuration: tau: "))
    assert(said("""{"tau":1}x""").startsWith("configuration: "))
  }
}
