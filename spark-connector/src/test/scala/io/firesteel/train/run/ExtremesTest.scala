// Extreme values of every numeric setting: either refused in one line that names the setting, or accepted with a plan
// whose rounds and budget do not overflow. The engine has the same test in Rust.
package io.firesteel.train.run

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{FiresteelException, Json, TrainConfig}
import io.firesteel.data.{ImageSource, RecordFormat}
import io.firesteel.jni.{Kind, NativeException}
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._

class ExtremesTest extends AnyFunSuite {
  private val source = ImageSource(null, 50000, 10, RecordFormat.Cifar10, _ => "")
  private val numbers = Seq("0", "1", "-1", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808") ++
    Seq("1e300", "3e-43", "5e-324", "0.5", "-1e300")
  private val bases = Seq("""{"workers":2}""", """{"strategy":"deepspark","workers":2}""", """{"epochs":2}""") ++
    Seq("""{"workers":2,"period":"qsr","qsr-alpha":0.02}""")

  /** The keys with numbers: those that accept 1. */
  private val keys = {
    val all = Json.mapper.readTree(TrainConfig(Some("d"), Some("idx"), Some(10)).toJson).fieldNames.asScala.toSet
    val absent =
      Seq("workers", "batch", "iterations", "epochs", "lr", "momentum", "weight-decay", "staleness", "alpha") ++
        Seq("update-bn", "resize", "stepsize", "warm-up", "post-local-step", "qsr-alpha", "alpha-every", "gamma") ++
        Seq("lookahead-every")
    (all ++ absent)
      .filter { key =>
        val alone = s"""{"$key":1}"""
        try TrainConfig.fromJson(alone).toJson.contains(s"\"$key\":1")
        catch { case _: FiresteelException => false }
      }
      .toSeq
      .sorted
  }

  test("an extreme number is refused by name, or makes a plan that does not overflow") {
    assert(keys.size > 20, keys)
    var taken = 0
    for (key <- keys; number <- numbers; base <- bases) {
      val object_ = Json.mapper.readTree(base).asInstanceOf[ObjectNode]
      object_.set[ObjectNode](key, Json.mapper.readTree(number))
      val said =
        try {
          val plan = Plan.resolve(TrainConfig.fromJson(object_.toString), source, slots = 2)
          assert(plan.rounds > 0 && plan.budget > 0 && plan.steps(plan.rounds - 1) > 0, object_)
          assert(plan.firstStep(plan.rounds) == plan.config.iterations.get, object_)
          assert(plan.roundsBehind(plan.budget) == plan.rounds, object_)
          assert(Plan.described(TrainConfig.fromJson(plan.configJson).toJson).config == plan.config, object_)
          taken += 1
          None
        } catch {
          case e: FiresteelException if e.kind == Kind.CONFIG => Some(e.getMessage)
          case e: NativeException if e.kind == Kind.CONFIG    => Some(e.getMessage)
        }
      assert(said.forall(text => text.contains(key) && text.linesIterator.size == 1), s"$object_: $said")
    }
    assert(taken > 100)
  }

  test("a rate below the smallest f32 is kept to the bit on its way to the engine and back") {
    for (lr <- Seq(3e-43, 1.7976931348623157e308, 4.9e-324, 0.1, 0.30000000000000004)) {
      val plan = Plan.resolve(TrainConfig(workers = Some(1), lr = Some(lr)), source, slots = 1)
      assert(plan.config.lr.contains(lr))
    }
  }
}
