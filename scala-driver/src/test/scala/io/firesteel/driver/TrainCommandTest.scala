// Whole runs of the program on a few hundred synthetic images, Spark and the native library included.
package io.firesteel.driver

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.firesteel.driver.Fixtures.{claim, complete, local, names, scratch, submit, tiny, withSettings}
import io.firesteel.console.Terminal
import io.firesteel.driver.console.Console
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import java.io.{OutputStream, PrintStream}
import java.nio.file.{Files, Path}
import java.nio.{ByteBuffer, ByteOrder}
import scala.jdk.CollectionConverters._

class TrainCommandTest extends AnyFunSuite with BeforeAndAfterAll {
  private val data = tiny.toString

  override def beforeAll(): Unit = local.foreach { case (key, value) => sys.props(key) = value }
  override def afterAll(): Unit = local.foreach { case (key, _) => sys.props.remove(key) }

  private def arguments(out: Path, more: Seq[String]): Seq[String] =
    Seq("train", "--data", data, "--out", out.toString, "--workers", "2", "--tau", "2", "--batch", "20") ++ more

  private def train(out: Path, more: String*): (Int, String, String) = submit(arguments(out, more): _*)

  /** The model's tensors, without the file's header: that holds the configuration, and so the directory. */
  private def weights(out: Path): Seq[Byte] = {
    val file = Files.readAllBytes(out.resolve("model.safetensors"))
    file.drop(8 + ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong.toInt).toSeq
  }

  /** A stream that fails at the line that is the `count`th to begin with `at`, and with it the run. */
  private final class Breaking(at: String, count: Int = 1) extends PrintStream(OutputStream.nullOutputStream()) {
    private var left = count

    override def println(line: String): Unit = if (line.startsWith(at)) {
      left -= 1
      if (left == 0) throw new IllegalStateException("cut")
    }
  }

  private def metrics(out: Path): Seq[JsonNode] =
    Files.readAllLines(out.resolve("metrics.jsonl")).asScala.toSeq.map(new ObjectMapper().readTree)

  private def told(out: Path): Seq[String] = metrics(out).map(_.get("event").asText)

  /** Without exchanges, which rounds have in one stage. */
  private def rounds(out: Path): Seq[String] = told(out).filterNot(_ == "exchange")

  test("a run leaves its five files and tells every event, and evaluate finds the accuracy it ended with") {
    scratch { dir =>
      val out = dir.resolve("run")
      val (status, text, err) = train(out, "--iterations", "6", "--eval-every", "2")
      assert(status == 0, err)
      assert(names(out) == complete)
      assert(rounds(out) == Seq("start", "workers", "round", "round", "eval", "round", "eval", "end"))
      assert(told(out).count(_ == "exchange") == 2 * 3 && text.contains(", sparknet in one stage, "))
      val end = metrics(out).last
      assert(end.get("model").asText == s"$out/model.safetensors" && text.contains(s"model: $out/model.safetensors"))
      assert(end.get("samples").asLong == 6 * 20 * 2)

      val (evaluated, json, failure) = submit("evaluate", "--data", data, "--model", out.toString, "--json")
      assert(evaluated == 0, failure)
      val result = new ObjectMapper().readTree(json)
      assert(result.get("rows").asInt == 100)
      assert(result.get("accuracy") == end.get("accuracy"))
      val matrix = result.get("confusion").elements.asScala.map(_.elements.asScala.map(_.asInt).toSeq).toSeq
      assert(matrix.map(_.length) == Seq.fill(10)(10) && matrix.flatten.sum == 100)
      assert(matrix.indices.map(k => matrix(k)(k)).sum / 100.0 == end.get("accuracy").asDouble)

      val (_, lines, _) = submit("evaluate", "--data", data, "--model", out.toString)
      assert(lines.linesIterator.size == 13 && lines.startsWith("test accuracy "), lines)
      assert(lines.linesIterator.drop(1).forall(_.length <= 80), lines)
    }
  }

  test("a run that was cut short and resumed ends with the model and the rounds of one that was not") {
    scratch { dir =>
      val whole = dir.resolve("whole")
      val cut = dir.resolve("cut")
      val options = Seq("--iterations", "8", "--eval-every", "2", "--solver-state", "average")
      assert(train(whole, options: _*)._1 == 0)

      val cutShort = Console(new Breaking("round 4/4"), new PrintStream(OutputStream.nullOutputStream()), Terminal.None)
      assert(Main.run(arguments(cut, options), cutShort) == 1)
      assert(names(cut) == complete - "model.safetensors" - "preprocessing.safetensors")

      val (status, text, err) = submit("train", "--out", cut.toString, "--resume")
      assert(status == 0, err)
      assert(text.contains("resumed after round 2"))
      assert(
        rounds(cut) == Seq(
          "start",
          "workers",
          "round",
          "round",
          "eval",
          "start",
          "workers",
          "round",
          "round",
          "eval",
          "end"
        )
      )
      assert(weights(cut) == weights(whole))
    }
  }

  test("another attempt of the same submission goes on from the checkpoint, and another submission is refused") {
    scratch { dir =>
      val (whole, cut) = (dir.resolve("whole"), dir.resolve("cut"))
      val options = Seq("--iterations", "8", "--eval-every", "2", "--solver-state", "average")
      assert(train(whole, options: _*)._1 == 0)
      withSettings("spark.firesteel.submission" -> "one") {
        val cutShort =
          Console(new Breaking("round 4/4"), new PrintStream(OutputStream.nullOutputStream()), Terminal.None)
        assert(Main.run(arguments(cut, options), cutShort) == 1)
      }
      withSettings("spark.firesteel.submission" -> "another") {
        val (status, _, err) = train(cut, options: _*)
        assert(status == 2 && err.contains("already holds a run"), err)
      }
      withSettings("spark.firesteel.submission" -> "one") {
        val (status, text, err) = train(cut, options: _*)
        assert(status == 0, err)
        assert(text.contains(s"another attempt of the same submission: going on in $cut"))
        assert(text.contains("resumed after round 2"))
      }
      assert(weights(cut) == weights(whole))
    }
  }

  test("a run that is given another's config.json keeps what was set there, and derives anew what was derived") {
    scratch { dir =>
      val (first, second) = (dir.resolve("first"), dir.resolve("second"))
      assert(train(first, "--iterations", "5", "--momentum", "0.5")._1 == 0)
      val config = first.resolve("config.json")
      val told = new ObjectMapper().readTree(Files.readAllBytes(config))
      assert(
        told.path("completed").path("stepvalue").toString == "[4]" && !told.has("stepvalue") && !told.has("resume")
      )

      val (status, _, err) =
        submit("train", "--config", config.toString, "--workers", "1", "--iterations", "10", "--out", second.toString)
      assert(status == 0, err)
      val used = metrics(second).head.get("config")
      assert(used.get("stepvalue").toString == "[8]" && used.get("workers").asInt == 1)
      assert(used.get("momentum").asDouble == 0.5 && used.get("batch").asInt == 20)
      val again = new ObjectMapper().readTree(Files.readAllBytes(second.resolve("config.json")))
      assert(again.get("iterations").asInt == 10 && again.get("tau").asInt == 2 && again.get("completed") == used)
    }
  }

  test("a run in a directory that another holds is refused and changes nothing, resumed or not") {
    scratch { dir =>
      val out = dir.resolve("run")
      assert(train(out, "--iterations", "4")._1 == 0)
      val held = claim(out, resume = true)
      val before = names(out)
      for (more <- Seq(Nil, Seq("--resume"))) {
        val (status, _, err) = train(out, Seq("--iterations", "4") ++ more: _*)
        assert(status == 2 && err.linesIterator.size == 1, err)
        assert(
          err.contains(s"output directory $out is held by the run of process ${ProcessHandle.current.pid} on "),
          err
        )
        assert(names(out) == before)
      }
      held.close()
    }
  }

  test("a run that is resumed as another one is refused and left as it was") {
    scratch { dir =>
      val out = dir.resolve("run")
      assert(train(out, "--iterations", "4")._1 == 0)
      val before = Files.readAllLines(out.resolve("metrics.jsonl"))
      val (status, _, err) = train(out, "--resume", "--seed", "7")
      assert(status == 2 && err.contains("seed was 0, is 7"), err)
      assert(names(out) == complete && Files.readAllLines(out.resolve("metrics.jsonl")) == before)
    }
  }

  test("a run that was stopped before its first checkpoint begins again") {
    scratch { dir =>
      val out = Files.createDirectory(dir.resolve("run"))
      Files.writeString(out.resolve("metrics.jsonl"), "{\"event\":\"round\",\"round\":1}\n")
      val (status, text, err) = train(out, "--iterations", "4", "--resume")
      assert(status == 0, err)
      assert(text.contains(s"no checkpoint in $out: beginning with round 1"))
      assert(rounds(out) == Seq("start", "workers", "round", "round", "eval", "end"))
    }
  }

  private def stage(out: Path, more: String*) = train(out, Seq("--strategy", "deepspark", "--alpha", "0.5") ++ more: _*)

  test("a run inside one stage leaves the same files, a line for each exchange, and a model to evaluate") {
    scratch { dir =>
      val out = dir.resolve("run")
      val (status, text, err) = stage(out, "--iterations", "6", "--eval-every", "100")
      assert(status == 0, err)
      assert(names(out) == complete && text.contains("done: 6 exchanges in"))
      assert(told(out) == Seq("start", "workers") ++ Seq.fill(6)("exchange") ++ Seq("eval", "end"))
      assert(metrics(out).filter(_.has("total_steps")).map(_.get("total_steps").asInt) == Seq(2, 4, 6, 8, 10, 12))
      val end = metrics(out).last
      assert(end.get("samples").asLong == 6 * 20 * 2 && end.get("exchanges").asInt == 6)
      val (evaluated, json, failure) = submit("evaluate", "--data", data, "--model", out.toString, "--json")
      assert(evaluated == 0, failure)
      assert(new ObjectMapper().readTree(json).get("accuracy") == end.get("accuracy"))
    }
  }

  test("a run inside one stage that was cut short and resumed does the rest of its budget") {
    scratch { dir =>
      val out = dir.resolve("run")
      val options = Seq("--strategy", "easgd", "--iterations", "800", "--eval-every", "20")
      // its second evaluation, whichever round that is of: the first left a checkpoint
      val cutShort = Console(new Breaking("round ", 2), new PrintStream(OutputStream.nullOutputStream()), Terminal.None)
      assert(Main.run(arguments(out, options), cutShort) == 1)
      val (status, _, err) = submit("train", "--out", out.toString, "--resume")
      assert(status == 0, err)
      val exchanges = metrics(out).filter(_.has("total_steps"))
      assert(exchanges.map(_.get("steps").asInt).sum == 1600 && exchanges.last.get("total_steps").asInt == 1600)
      assert(told(out).count(_ == "start") == 2 && told(out).count(_ == "end") == 1)
    }
  }

  test("a run inside one stage that diverges, or has too few task slots, ends with one line") {
    scratch { dir =>
      val out = dir.resolve("run")
      val (status, _, err) = stage(out, "--iterations", "40", "--lr", "1e6", "--lr-policy", "fixed")
      assert(status == 1 && err.linesIterator.size == 1, err)
      assert(err.contains("training diverged in exchange") && err.contains("--lr (now 1000000.0)"))
      val wide = Seq("--strategy", "deepspark", "--workers", "8", "--out", dir.resolve("wide").toString)
      val (wrong, _, said) = submit(Seq("train", "--data", data) ++ wide: _*)
      assert(wrong == 2 && said.contains("8 workers run at once, but local[2] has 2 task slots"), said)
      assert(names(dir) == Set("run"))
    }
  }

  test("a run that diverges ends with status 1 and keeps its metrics") {
    scratch { dir =>
      val out = dir.resolve("run")
      val (status, _, err) =
        train(out, "--iterations", "40", "--lr", "1e6", "--lr-policy", "fixed", "--consistency", "rounds")
      assert(status == 1 && err.linesIterator.size == 1, err)
      assert(err.contains("training diverged in round") && err.contains("--lr (now 1000000.0)"))
      assert(metrics(out).last.get("loss").isNull)
      assert(names(out) == Set("metrics.jsonl", "config.json"))
    }
  }

  test("a last round that diverges, and a model that is no numbers, end with status 1 and say null") {
    scratch { dir =>
      val (diverged, model) = (dir.resolve("diverged"), dir.resolve("model"))
      val (status, _, err) = train(diverged, "--iterations", "1", "--lr", "1e30")
      assert(status == 1 && err.linesIterator.size == 1, err)
      assert(err.contains("training diverged by round 1: the test loss is NaN: try a smaller --lr (now 1.0E30)"))
      assert(rounds(diverged) == Seq("start", "workers", "round", "eval") && metrics(diverged).last.get("loss").isNull)

      assert(train(model, "--iterations", "2")._1 == 0)
      val file = Files.readAllBytes(model.resolve("model.safetensors"))
      val begin = 8 + ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong.toInt
      val values = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN)
      (begin until file.length by 4).foreach(values.putFloat(_, Float.NaN))
      Files.write(model.resolve("model.safetensors"), file)
      val (evaluated, json, failure) = submit("evaluate", "--data", data, "--model", model.toString, "--json")
      assert(evaluated == 1 && failure.contains("is NaN: its weights are no numbers"), failure)
      assert(new ObjectMapper().readTree(json).get("loss").isNull)
    }
  }

  test("a run whose data cannot be read ends with one line and leaves nothing") {
    scratch { dir =>
      val bad = Files.createDirectory(dir.resolve("bad"))
      for (name <- Seq("data_batch_1.bin", "test_batch.bin")) Files.write(bad.resolve(name), new Array[Byte](3072))
      val (status, out, err) = submit("train", "--data", bad.toString, "--out", dir.resolve("run").toString)
      assert(status != 0 && out.isEmpty && err.linesIterator.size == 1, err)
      assert(err.contains(bad.toString))
      assert(names(dir) == Set("bad"))
    }
  }
}
