// A run that is resumed from a checkpoint ends with the bits of a run that was never interrupted.
package io.firesteel.train.run

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{Ended, Fault, FiresteelException, Json, RoundDone, Started, TestSpark, TrainConfig, TrainListener}
import io.firesteel.jni.Kind
import io.firesteel.tensors.{TensorFile, Tensors, Values}
import io.firesteel.train.{Events, MemoryStore, Runs}
import java.nio.ByteBuffer
import java.nio.ByteOrder.LITTLE_ENDIAN
import java.nio.charset.StandardCharsets.UTF_8
import org.apache.spark.SparkContext
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite
import scala.util.Using

class CheckpointTest extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val sc: SparkContext = TestSpark.context("local[2]")

  override def afterAll(): Unit = sc.stop()

  private val config = Runs.small.copy(iterations = Some(23), evalEvery = 2) // 5 rounds, the last of 3 steps

  private def interrupted(store: MemoryStore, config: TrainConfig): Events = {
    val events = new Events {
      override def round(e: RoundDone): Unit = {
        super.round(e)
        if (e.round == 3) throw new InterruptedRun
      }
    }
    intercept[InterruptedRun](Runs.train(sc, config, events, Some(store)))
    events
  }

  private final class InterruptedRun extends RuntimeException

  test("a resumed run ends with the bits of an uninterrupted one, for each kind of solver state") {
    val plain = Seq("local", "average", "reset").map(state => config.copy(solverState = state))
    val lookahead = plain.take(2).map(_.copy(solver = "adamw", lookaheadEvery = Some(4)))
    for (asked <- plain ++ lookahead) {
      val whole = Runs.train(sc, asked)
      val store = new MemoryStore
      val before = interrupted(store, asked)
      val after = new Events
      val resumed = Runs.train(sc, asked.copy(resume = true, evalEvery = 1), after, Some(store))
      assert(Runs.bits(resumed.weights) == Runs.bits(whole.weights), asked.toJson)
      assert(after.of[Started].head.completedRounds == 2)
      assert(after.of[RoundDone].map(e => (e.round, e.localSteps, e.samples)).head == ((3, 15L, 900L)))
      assert(after.of[RoundDone].head.seconds > before.of[RoundDone].apply(1).seconds)
      assert(after.of[Fault].isEmpty)
    }
  }

  test("resuming a finished run returns its model at once") {
    val store = new MemoryStore
    val (first, again) = (new Events, new Events)
    val whole = Runs.train(sc, config, first, Some(store))
    val resumed = Runs.train(sc, config.copy(resume = true), again, Some(store))
    assert(Runs.bits(resumed.weights) == Runs.bits(whole.weights))
    assert(again.of[RoundDone].isEmpty && again.of[Ended].head.accuracy == first.of[Ended].head.accuracy)
  }

  test("another configuration is refused with the keys that differ") {
    val store = new MemoryStore
    Runs.train(sc, config, TrainListener.silent, Some(store))
    val other = config.copy(resume = true, tau = 6, seed = 4, out = Some("elsewhere"))
    val e = intercept[FiresteelException](Runs.train(sc, other, TrainListener.silent, Some(store)))
    assert(e.kind == Kind.CONFIG)
    assert(e.getMessage == "checkpoint is of another configuration: seed was 3, is 4; tau was 5, is 6")
  }

  test("a setting that the checkpoint is too old to know had its default") {
    val store = new MemoryStore
    interrupted(store, config)
    val whole = store.bytes.get
    val start = Using.resource(store.load().get)(TensorFile.open(_).metadata("config"))
    val saved = Json.mapper.readTree(start).asInstanceOf[ObjectNode]
    saved.remove("bad-images")
    store.bytes = Some(saying(whole, "config", Some(saved.toString)))
    val dropping = config.copy(resume = true, badImages = "drop")
    val e = intercept[FiresteelException](Runs.train(sc, dropping, TrainListener.silent, Some(store)))
    assert(e.getMessage == "checkpoint is of another configuration: bad-images was absent, is \"drop\"")
    val events = new Events
    Runs.train(sc, config.copy(resume = true), events, Some(store))
    assert(events.of[Started].head.completedRounds == 2)
  }

  test("resuming without a checkpoint, or from another file, is refused") {
    val store = new MemoryStore
    def failure =
      intercept[FiresteelException](Runs.train(sc, config.copy(resume = true), TrainListener.silent, Some(store)))
    assert(failure.kind == Kind.CONFIG)
    store.bytes = Some(Array.fill[Byte](100)(7))
    assert(failure.kind != Kind.INTERNAL)
    store.save(TensorFile.write(_, Tensors(Seq("center" -> Seq(1L))), Seq(Values.Floats(Array(0f)))))
    assert(failure.getMessage == "checkpoint: config is missing in the metadata")
  }

  /** The checkpoint of a finished run with changed metadata. */
  private def saying(file: Array[Byte], key: String, value: Option[String]): Array[Byte] = {
    val header = 8 + ByteBuffer.wrap(file).order(LITTLE_ENDIAN).getLong.toInt
    val json = Json.mapper.readTree(file.slice(8, header)).asInstanceOf[ObjectNode]
    val metadata = json.get("__metadata__").asInstanceOf[ObjectNode]
    value.fold(metadata.remove(key))(metadata.put(key, _))
    val changed = json.toString.getBytes(UTF_8)
    ByteBuffer.allocate(8).order(LITTLE_ENDIAN).putLong(changed.length.toLong).array ++ changed ++ file.drop(header)
  }

  test("a field that is broken or out of range is named with the file, whichever it is") {
    val store = new MemoryStore
    Runs.train(sc, config, TrainListener.silent, Some(store))
    val whole = store.bytes.get
    val broken = Seq(
      "config" -> "{" -> "config is not JSON",
      "rows" -> "many" -> "rows is 'many', not a whole number that is at least 0",
      "round" -> "6" -> "round is '6', not a whole number that is 0 to 5",
      "round" -> "-1" -> "round is '-1', not a whole number that is 0 to 5",
      "round" -> "4" -> "local-steps is '23', not a whole number that is 20",
      "local-steps" -> "x\u001b[2J" -> "local-steps is 'x?[2J', not a whole number that is 23",
      "samples" -> "-5" -> "samples is '-5', not a whole number that is at least 0",
      "seconds" -> "NaN" -> "seconds is 'NaN', not a finite number that is not negative",
      "wall-seconds" -> "Infinity" -> "wall-seconds is 'Infinity', not a finite number that is not negative",
      "accuracy" -> "1.5" -> "accuracy is '1.5', not a finite number from 0.0 to 1.0",
      "loss" -> "NaN" -> "loss is 'NaN', not a finite number",
      "best-round" -> "6" -> "best-round is '6', not a whole number that is 0 to 5",
      "best-accuracy" -> "-0.1" -> "best-accuracy is '-0.1', not a finite number from 0.0 to 1.0",
      "best-loss" -> "NaN" -> "best-loss is 'NaN', not a finite number",
      "evaluations-since-best" -> "-1" -> "evaluations-since-best is '-1', not a whole number that is at least 0"
    )
    for (((key, value), message) <- broken) {
      store.bytes = Some(saying(whole, key, Some(value)))
      val e = intercept[FiresteelException](Runs.train(sc, config.copy(resume = true), store = Some(store)))
      assert(e.kind == Kind.DATA && e.getMessage == s"checkpoint: $message")
    }
    val best = Seq("best-accuracy", "best-loss", "evaluations-since-best")
    for (key <- Seq("config", "rows", "round", "local-steps", "samples", "seconds", "wall-seconds", "loss") ++ best) {
      store.bytes = Some(saying(whole, key, None))
      val e = intercept[FiresteelException](Runs.train(sc, config.copy(resume = true), store = Some(store)))
      assert(e.getMessage == s"checkpoint: $key is missing in the metadata")
    }
  }
}
