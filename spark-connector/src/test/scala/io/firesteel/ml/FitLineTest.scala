// The line of a shell that shows a fit.
package io.firesteel.ml

import io.firesteel.console.{ProgressLine, Terminal}
import io.firesteel.{ExchangeDone, RoundDone, Started, TrainConfig}
import org.scalatest.funsuite.AnyFunSuite

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8

class FitLineTest extends AnyFunSuite {
  private val config = TrainConfig(net = "cifar10_quick", workers = Some(2), iterations = Some(100L))
  private val start = Started(config, trainRows = 100, testRows = 0, classes = 10, parameters = 1, rounds = 10)
  private val exchange = ExchangeDone(0, 1, 5, 50, 500, 2.0, 1.5, 0, 1.0, 0.1, 0.1)

  private def shown(use: FitLine => Unit): Seq[String] = {
    val bytes = new ByteArrayOutputStream
    use(new FitLine(new Terminal.Live(new PrintStream(bytes, true, UTF_8), ProgressLine.Ascii, () => 100)))
    bytes.toString(UTF_8).split('\r').map(_.stripSuffix("\u001b[K")).toSeq
  }

  test("rounds are shown where there are any, and the line is gone at the end") {
    val lines = shown { line =>
      line.started(start)
      line.exchange(exchange)
      line.round(RoundDone(5, 10, 50, 1000, 2.0, 1.25, 500.0, 1000))
      line.close()
    }
    assert(lines.filter(_.nonEmpty).last.contains("50 %  round 5/10  loss 1.2500"))
    assert(lines.last.isEmpty && !lines.exists(_.contains("minibatch")))
  }

  test("an asynchronous fit shows minibatches of all workers") {
    val lines = shown { line =>
      line.started(start.copy(synchronous = false))
      line.exchange(exchange)
    }
    assert(lines.filter(_.nonEmpty).last.contains("25 %  minibatch 50/200  loss 1.5000"))
  }
}
