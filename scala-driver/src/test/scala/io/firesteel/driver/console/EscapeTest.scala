// Text from outside can neither control the terminal nor fake a line of output.
package io.firesteel.driver.console

import io.firesteel.console.{Escape, ProgressLine, Terminal}
import com.fasterxml.jackson.databind.ObjectMapper
import io.firesteel.driver.Fixtures.{scratch, submit}
import org.scalatest.funsuite.AnyFunSuite

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import scala.jdk.CollectionConverters._

class EscapeTest extends AnyFunSuite {
  private val forged = "x\ndone: 60 rounds, accuracy 99.00 %\u001b[31m\u202e"
  private val shown = "x\\ndone: 60 rounds, accuracy 99.00 %\\u{1b}[31m\\u{202e}"

  test("both languages escape alike") {
    val file = Path.of(sys.props("firesteel.root")).resolve("testdata/escapes.json")
    val pairs =
      new ObjectMapper().readTree(file.toFile).elements.asScala.map(p => (p.get(0).asText, p.get(1).asText)).toSeq
    assert(pairs.length > 5)
    for ((text, expected) <- pairs) {
      assert(Escape.escaped(text) == expected)
      assert(Escape.escaped(expected) == expected)
    }
  }

  test("options, keys, values and paths of a wrong request are told in one line without control characters") {
    scratch { dir =>
      def file(json: String) = Files.writeString(dir.resolve("run.json"), json).toString
      val requests = Seq(
        Seq(forged),
        Seq("train", s"--$forged", "3"),
        Seq("train", "--tau", forged),
        Seq("train", "--config", forged),
        Seq("train", "--config", file("""{"x\\ndone: 60 rounds, accuracy 99.00 %\\u001b[31m\\u202e": 1}""")),
        Seq("train", "--data", "d", "--out", dir.resolve(forged).toString, "--net", forged),
        Seq("evaluate", "--data", "d", "--model", dir.resolve(forged).toString)
      )
      for (request <- requests) {
        val (status, out, err) = submit(request: _*)
        assert(status == 2 && out.isEmpty && err.linesIterator.size == 1 && err.startsWith("firesteel: "), err)
        assert(err.dropRight(1).forall(c => !c.isControl && c != '\u202e'), err)
      }
      assert(submit("evaluate", "--data", "d", "--model", dir.resolve(forged).toString)._3.contains(shown))
    }
  }

  test("every way of printing a text is escaped, and the ends of lines are not") {
    val bytes = new ByteArrayOutputStream
    val stream = new EscapedStream(new PrintStream(bytes, true, UTF_8))
    stream.println(forged)
    stream.print(forged)
    stream.println(new Exception(forged))
    stream.printf("%s", forged)
    stream.println()
    stream.flush()
    assert(bytes.toString(UTF_8).count(_ == '\n') == 3 && !bytes.toString(UTF_8).contains('\u001b'))
    assert(bytes.toString(UTF_8).startsWith(s"$shown\n${shown}java.lang.Exception: $shown\n"))
  }

  test("JSON is escaped so that it still means the same") {
    val json = new ObjectMapper().createObjectNode().put(forged, s"\u0085\u007f\u2028\u00e9 $forged")
    val escaped = Escape.escapedJson(json.toString)
    assert(Escape.escaped(escaped) == escaped && escaped.contains('\u00e9'))
    assert(new ObjectMapper().readTree(escaped) == json)
  }

  test("a live line is escaped too") {
    val bytes = new ByteArrayOutputStream
    new Terminal.Live(new PrintStream(bytes, true, UTF_8), ProgressLine.Ascii, () => 80).live(_ => forged)
    assert(bytes.toString(UTF_8) == s"\r$shown\u001b[K\r")
  }
}
