// What is shown of a run.
package io.firesteel.driver.console

import io.firesteel.console.{ProgressLine, Terminal}
import io.firesteel.{EndReason, Machine, Started, WorkersLoaded}
import io.firesteel.driver.Fixtures.{ended, evaluated, exchange, round, started, totals}
import org.scalatest.funsuite.AnyFunSuite

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8

class ProgressDisplayTest extends AnyFunSuite {
  private val state = ProgressLine.State("round", 125, 500, 1.43211, Some(0.5234), 1520.4, 31.25)

  private def line(width: Int) = ProgressLine.line(state, width, ProgressLine.Ascii)

  test("the progress line shows percentage, round, loss, accuracy, time left and speed") {
    assert(
      line(120) == "=======.......................   25 %  round 125/500  loss 1.4321  accuracy 52.34 %" +
        "  1 min 34 s left  1520 images/s"
    )
  }

  test("the progress line fits every width, and leaves out the bar before words and speed before loss") {
    for (width <- 0 to 200) assert(line(width).length <= width)
    assert(line(90).startsWith(" 25 %") && line(90).endsWith("images/s"))
    assert(line(60) == " 25 %  round 125/500  loss 1.4321  accuracy 52.34 %")
  }

  test("a run without rounds done or to do has a line too") {
    assert(
      ProgressLine
        .line(state.copy(done = 0, all = 0, accuracy = None), 120, ProgressLine.Unicode)
        .contains("100 %")
    )
  }

  test("durations are shown in a fitting unit") {
    assert(
      Seq(0.04, 8.26, 59.99, 245, 7385).map(ProgressLine.duration) ==
        Seq("0.0 s", "8.3 s", "1 min 00 s", "4 min 05 s", "2 h 03 min")
    )
  }

  test("without a terminal there is a plain line for each evaluation and no control character") {
    val bytes = new ByteArrayOutputStream()
    val progress =
      new ProgressDisplay(new PrintStream(bytes, true, UTF_8), Terminal.None, "0.1.0", "/out", "/out/model.safetensors")
    progress.started(started)
    progress.loaded(WorkersLoaded(Seq("cuda:0", "cuda:1", "cuda:0")))
    progress.round(round(1))
    progress.evaluated(evaluated(1))
    progress.ended(ended)
    val text = bytes.toString(UTF_8)
    assert(text.forall(c => c == '\n' || c >= ' '))
    assert(text.linesIterator.count(_.startsWith("round ")) == 1)
    assert(text.linesIterator.contains("round 1/500: test accuracy 55.12 %, loss 1.2500 after 0.5 s"))
    assert(text.linesIterator.contains("devices: 2 x cuda:0, 1 x cuda:1"))
    assert(text.linesIterator.contains("model: /out/model.safetensors"))
  }

  test("the first line shows workers and slots, and a warning follows if executors differ") {
    def told(started: Started) = {
      val bytes = new ByteArrayOutputStream()
      val progress = new ProgressDisplay(
        new PrintStream(bytes, true, UTF_8),
        Terminal.None,
        "0.1.0",
        "/out",
        "/out/model.safetensors"
      )
      progress.waiting("waiting for executors")
      progress.started(started)
      bytes.toString(UTF_8).linesIterator.toSeq
    }
    val machine = Machine("0", "EPYC", "AVX512", 1, "2.11.0")
    val same = told(started.copy(slots = 2, machines = Seq(machine, machine.copy(executor = "1"))))
    assert(same.head == "waiting for executors" && same(1).contains(", sparknet, workers 2 on 2 task slots, batch "))
    assert(!same.exists(_.startsWith("warning")))
    val different = told(started.copy(slots = 1, machines = Seq(machine, machine.copy(executor = "1", cpu = "Xeon"))))
    assert(different(1).contains("workers 2 on 1 task slot, "))
    assert(different.exists(_.startsWith("warning: executors differ in processor (EPYC on 0; Xeon on 1)")))
    assert(told(started)(1).contains("workers 2, batch"), "unknown slots are not shown")
  }

  test("the first line says how the strategy runs over Spark, where it has a choice") {
    def first(how: String) = {
      val bytes = new ByteArrayOutputStream()
      new ProgressDisplay(new PrintStream(bytes, true, UTF_8), Terminal.None, "0.1.0", "/out", "/out/model.safetensors")
        .started(started.copy(how = how))
      bytes.toString(UTF_8).linesIterator.next()
    }
    assert(first("").contains(" parameters), sparknet, workers "))
    assert(first("in one stage").contains(" parameters), sparknet in one stage, workers "))
  }

  test("a synchronous run inside one stage is told in rounds, and what crossed the wire at its end") {
    val bytes = new ByteArrayOutputStream()
    val stream = new PrintStream(bytes, true, UTF_8)
    val progress = new ProgressDisplay(
      stream,
      new Terminal.Live(stream, ProgressLine.Ascii, () => 60),
      "0.1.0",
      "/out",
      "/out/model.safetensors"
    )
    progress.started(started)
    bytes.reset()
    progress.exchange(exchange(2))
    assert(bytes.size == 0)
    progress.round(round(1))
    assert(bytes.toString(UTF_8).contains("round 1/500"))
    progress.ended(ended.copy(exchanges = Some(totals)))
    assert(bytes.toString(UTF_8).contains("done: 500 rounds in 4 min 10 s"))
    assert(bytes.toString(UTF_8).contains("exchanged: 11.6 MB, mean staleness 0.60\n"))
  }

  test("an asynchronous run is told in minibatches, and what crossed the wire at its end") {
    val bytes = new ByteArrayOutputStream()
    val stream = new PrintStream(bytes, true, UTF_8)
    val progress = new ProgressDisplay(
      stream,
      new Terminal.Live(stream, ProgressLine.Ascii, () => 60),
      "0.1.0",
      "/out",
      "/out/model.safetensors"
    )
    val asked = started.config.copy(iterations = Some(50))
    progress.started(started.copy(config = asked, synchronous = false))
    bytes.reset()
    progress.exchange(exchange(2))
    assert(bytes.toString(UTF_8).contains(" 20 %  minibatch 20/100  loss 1.5000"))
    progress.ended(ended.copy(exchanges = Some(totals)))
    assert(bytes.toString(UTF_8).contains("done: 10 exchanges in 4 min 10 s"))
    assert(bytes.toString(UTF_8).contains("exchanged: 11.6 MB, mean staleness 0.60\n"))
  }

  test("a run that ended early says why, and which weights the model has") {
    val best = ended.copy(rounds = 9, bestRound = Some(4), bestAccuracy = Some(0.8))
    val lines = Seq(
      EndReason.Budget -> Nil,
      EndReason.Patience -> Seq("ended early: no higher accuracy than 80.00 % of round 4"),
      EndReason.Stopped -> Seq("stopped after round 9")
    )
    for ((reason, said) <- lines) {
      val bytes = new ByteArrayOutputStream()
      val out = new PrintStream(bytes, true, UTF_8)
      val progress = new ProgressDisplay(out, Terminal.None, "0.1.0", "/out", "/out/model.safetensors")
      progress.started(started.copy(config = started.config.copy(restoreBestWeights = true)))
      bytes.reset()
      progress.ended(best.copy(reason = reason))
      val shown = bytes.toString(UTF_8).linesIterator.drop(1).toSeq // after the line that says it is done
      assert(shown == said :+ "model: /out/model.safetensors, weights of round 4")
    }
  }

  test("the progress line stays in its row and is erased before other lines") {
    val bytes = new ByteArrayOutputStream()
    val stream = new PrintStream(bytes, true, UTF_8)
    val progress = new ProgressDisplay(
      stream,
      new Terminal.Live(stream, ProgressLine.Ascii, () => 40),
      "0.1.0",
      "/out",
      "/out/model.safetensors"
    )
    progress.started(started)
    bytes.reset()
    progress.round(round(1))
    progress.evaluated(evaluated(1))
    assert(
      bytes.toString(UTF_8) == "\r  0 %  round 1/500  loss 1.5000\u001b[K\r\r\u001b[K" +
        "round 1/500: test accuracy 55.12 %, loss 1.2500 after 0.5 s\n"
    )
  }
}
