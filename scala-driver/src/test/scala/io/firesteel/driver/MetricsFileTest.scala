// metrics.jsonl, line by line.
package io.firesteel.driver

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.firesteel.{EndReason, Fault, Machine, WorkersLoaded}
import io.firesteel.driver.Fixtures.{ended, evaluated, exchange, open, round, scratch, started, totals}
import io.firesteel.files.Directory
import io.firesteel.driver.options.JsonSettings
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.{Files, Path, StandardOpenOption}
import java.time.Instant
import scala.jdk.CollectionConverters._

class MetricsFileTest extends AnyFunSuite {
  private def metricsIn(dir: Directory): MetricsFile =
    new MetricsFile(
      dir,
      JsonSettings.empty.put("firesteel", "0.1.0"),
      () => Instant.parse("2026-01-02T03:04:05.678901Z")
    )

  private def lines(dir: Path): Seq[JsonNode] =
    Files.readAllLines(dir.resolve("metrics.jsonl")).asScala.toSeq.map(new ObjectMapper().readTree)

  private def keys(line: JsonNode): Seq[String] = line.fieldNames.asScala.toSeq

  private def told(dir: Path): Seq[String] =
    lines(dir).map(line => (line.get("event").asText +: Option(line.get("round")).map(_.asText).toSeq).mkString(" "))

  test("events have the fields of the contract, in its order") {
    scratch { dir =>
      val metrics = metricsIn(open(dir))
      metrics.started(started.copy(machines = Seq(Machine("0", "EPYC", "AVX512", 1, "2.11.0"))))
      metrics.loaded(WorkersLoaded(Seq("cuda:0", "cpu")))
      metrics.round(round(1))
      metrics.evaluated(evaluated(1))
      metrics.fault(Fault(2, "partition 1 was lost", "round 2 is done again"))
      metrics.ended(ended)
      metrics.close()
      val events = lines(dir)
      val start = events.head
      assert(keys(start) == Seq("event", "config", "executors", "data", "parameters", "time", "versions", "hardware"))
      assert(
        start.get("executors").toString ==
          """[{"executor":"0","cpu":"EPYC","instruction_set":"AVX512","threads":1,"libtorch":"2.11.0"}]"""
      )
      assert(start.get("time").asText == "2026-01-02T03:04:05.678Z")
      assert(start.get("config").get("lr").asDouble == 0.001)
      assert(start.get("versions").toString == """{"firesteel":"0.1.0"}""")
      assert(keys(start.get("hardware")) == Seq("cpu", "cores", "memory_bytes"))
      assert(start.get("hardware").get("memory_bytes").asLong > 0)
      assert(start.get("data").toString == """{"train_rows":50000,"test_rows":10000,"classes":10}""")
      assert(
        events.tail.map(_.toString) == Seq(
          """{"event":"workers","devices":["cuda:0","cpu"]}""",
          """{"event":"round","round":1,"local_steps":10,"samples":2000,"seconds":0.5,"loss":1.5,""" +
            """"images_per_second":4000.0,"exchange_bytes":2329248}""",
          """{"event":"eval","round":1,"samples":2000,"seconds":0.5,"wall_seconds":0.75,""" +
            """"accuracy":0.5512,"loss":1.25,"split":"test"}""",
          """{"event":"fault","round":2,"what":"partition 1 was lost","action":"round 2 is done again"}""",
          """{"event":"end","rounds":500,"samples":1000000,"seconds":250.0,"wall_seconds":375.0,""" +
            """"accuracy":0.7533,"loss":0.75,"images_per_second":4000.0,"best_round":null,"best_accuracy":null,""" +
            s""""reason":"budget","model":"$dir/model.safetensors"}"""
        )
      )
    }
  }

  test("the start says which submission the run is an attempt of, and the last start counts") {
    scratch { dir =>
      assert(MetricsFile.submission(open(dir)).isEmpty)
      for (id <- Seq(Some("one"), Some("two"))) {
        val metrics = new MetricsFile(open(dir), JsonSettings.empty, () => Instant.EPOCH, id)
        metrics.started(started)
        metrics.close()
        assert(MetricsFile.submission(open(dir)) == id)
      }
      Files.writeString(
        dir.resolve("metrics.jsonl"),
        """{"event":"start","submission":"cut""",
        StandardOpenOption.APPEND
      )
      assert(MetricsFile.submission(open(dir)).isEmpty)
    }
  }

  test("exchanges have lines of their own, and the end their totals") {
    scratch { dir =>
      val metrics = metricsIn(open(dir))
      metrics.started(started)
      metrics.exchange(exchange(1))
      metrics.ended(
        ended.copy(
          exchanges = Some(totals),
          bestRound = Some(4),
          bestAccuracy = Some(0.8),
          reason = EndReason.Patience
        )
      )
      metrics.close()
      assert(
        lines(dir).tail.map(_.toString) == Seq(
          """{"event":"exchange","worker":1,"exchange":1,"steps":10,"total_steps":10,"samples":2000,"seconds":0.5,""" +
            """"loss":1.5,"staleness":1,"computing":0.375,"exchanging":0.0625,"waiting":0.03125}""",
          """{"event":"end","rounds":500,"samples":1000000,"seconds":250.0,"wall_seconds":375.0,"accuracy":0.7533,""" +
            """"loss":0.75,"images_per_second":4000.0,"best_round":4,"best_accuracy":0.8,"reason":"patience",""" +
            """"exchanges":10,"exchange_bytes":11646240,"staleness":[4,6],""" +
            s""""model":"$dir/model.safetensors"}"""
        )
      )
    }
  }

  test("a line can be read as soon as it is written") {
    scratch { dir =>
      val metrics = metricsIn(open(dir))
      metrics.started(started)
      metrics.round(round(1))
      assert(told(dir) == Seq("start", "round 1"))
      metrics.close()
    }
  }

  test("NaN and infinity are written as null") {
    scratch { dir =>
      val metrics = metricsIn(open(dir))
      metrics.started(started)
      metrics.round(round(1, loss = Double.NaN))
      metrics.round(round(2, loss = Double.PositiveInfinity))
      metrics.close()
      assert(lines(dir).tail.forall(_.get("loss").isNull))
    }
  }

  test("a resumed run keeps the lines of completed rounds and drops the rest, torn lines and the end included") {
    scratch { dir =>
      val before = metricsIn(open(dir))
      before.started(started)
      (1 to 3).foreach(n => before.round(round(n)))
      before.evaluated(evaluated(3))
      before.ended(ended)
      before.close()
      Files.writeString(dir.resolve("metrics.jsonl"), """{"event":"round","rou""", StandardOpenOption.APPEND)

      val after = metricsIn(open(dir))
      after.started(started.copy(completedRounds = 2))
      after.round(round(3))
      after.close()
      assert(told(dir) == Seq("start", "round 1", "round 2", "start", "round 3"))
    }
  }

  test("a resumed run keeps the exchanges that the exchanger's snapshot has behind it") {
    scratch { dir =>
      val before = metricsIn(open(dir))
      before.started(started)
      (1 to 3).foreach(n => before.exchange(exchange(n)))
      before.evaluated(evaluated(1))
      before.close()
      val after = metricsIn(open(dir))
      after.started(started.copy(completedRounds = 1, completedSteps = 20))
      after.close()
      assert(lines(dir).map(line => line.path("total_steps").asInt) == Seq(0, 10, 20, 0, 0))
      assert(told(dir) == Seq("start", "exchange", "exchange", "eval 1", "start"))
    }
  }
}
