// What a notebook is told of what its cells print, and of the errors in which they end.
package io.firesteel.notebook

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.Json
import org.scalatest.funsuite.AnyFunSuite

import java.io.ByteArrayOutputStream
import java.nio.charset.StandardCharsets.UTF_8

class ChannelTest extends AnyFunSuite {
  private def messages(use: Channel => Unit): Seq[JsonNode] = {
    val bytes = new ByteArrayOutputStream
    val channel = new Channel(bytes)
    use(channel)
    channel.flush()
    channel.synchronized(bytes.toString(UTF_8)).split('\n').filter(_.nonEmpty).toSeq.map { line =>
      assert(line.head == '\u001e')
      Json.mapper.readTree(line.tail)
    }
  }

  test("a character whose bytes are printed apart comes whole, and lines do not end messages") {
    val sent = messages { channel =>
      val bytes = "grün\n😀".getBytes(UTF_8)
      for (byte <- bytes) {
        channel.stdout.printer.write(byte.toInt)
        channel.flush()
      }
    }
    assert(sent.map(_.get("text").asText).mkString == "grün\n😀")
    assert(sent.forall(message => message.get("type").asText == "stream" && message.get("name").asText == "stdout"))
  }

  test("bytes that are no text do not hold up what follows") {
    val sent = messages { channel =>
      channel.stderr.write(Array(0xff.toByte, 'a'.toByte), 0, 2)
    }
    assert(sent.map(_.get("text").asText).mkString == "\ufffda")
  }

  test("what is shown stands below what was printed before") {
    val sent = messages { channel =>
      Display.channel = Some(channel)
      try {
        channel.stdout.printer.print("above")
        Display.html("<b>below</b>")
      } finally Display.channel = None
    }
    assert(sent.map(_.get("type").asText) == Seq("stream", "display"))
    assert(sent(1).get("data").get("text/html").asText == "<b>below</b>")
    assert(intercept[IllegalStateException](Display.svg("<svg/>")).getMessage.contains("no notebook"))
  }

  test("a trace has the first frames, the cause, and nothing of the interpreter or of Spark's scheduler") {
    val cause = new IllegalArgumentException("too deep")
    val frames = (2 to 41).map(line => new StackTraceElement("$line7.$read$$iw", "deep", "cell", line))
    val plumbing = new StackTraceElement("io.firesteel.notebook.Interpreter", "run", "Interpreter.scala", 44)
    cause.setStackTrace((frames :+ plumbing).toArray)
    val job = new RuntimeException("Job aborted\n\tat a.B.c(B.scala:1)\n\nDriver stacktrace:", cause)
    job.setStackTrace(Array(new StackTraceElement("org.apache.spark.scheduler.DAGScheduler", "abort", "DAG.scala", 1)))
    val told = Interpreter.thrown(job)
    assert((told.name, told.message) == (("RuntimeException", "Job aborted")))
    val expected = Seq("java.lang.RuntimeException: Job aborted", "\tat a.B.c(B.scala:1)") ++
      ("Caused by: java.lang.IllegalArgumentException: too deep" +: (1 to 6).map(line =>
        s"\tat deep(cell:$line)"
      ) :+ "\t...")
    assert(told.trace == expected)
  }
}
