// How findings are told.
package io.firesteel.train.doctor

import io.firesteel.Json
import org.scalatest.funsuite.AnyFunSuite
import scala.jdk.CollectionConverters._

class DiagnosisTest extends AnyFunSuite {
  private def of(findings: Finding*) =
    Diagnosis(Seq("Spark" -> "9.9"), findings, Seq(Measures("driver", Seq("x_ms" -> 1.5))))

  test("what is alike in several places is one line, and a remedy stands below its problem") {
    val executors = (0 to 4).map(id => s"executor $id on host")
    val java = ("driver" +: executors).map(Finding("Java", _, Level.Ok, "17"))
    val clock = executors.take(2).map(Finding("clock", _, Level.Note, "late", "set it"))
    val disk = Seq(Finding("disk", executors(3), Level.Problem, "full", "empty it"))
    assert(
      of(java ++ clock ++ disk: _*).text ==
        """Spark 9.9
          |ok       Java   driver, all 5 executors                 17
          |note     clock  executor 0 on host, executor 1 on host  late
          |         do: set it
          |PROBLEM  disk   executor 3 on host                      full
          |         do: empty it
          |1 problem, 2 notes""".stripMargin
    )
  }

  test("of more places than are named the number is told") {
    val findings = (0 to 5).map(id => Finding("clock", s"executor $id", if (id == 5) Level.Ok else Level.Note, "late"))
    assert(of(findings: _*).text.contains("executor 0, executor 1 and 3 more"))
  }

  test("programs get every finding, and whether a run will work") {
    val json = Json.mapper.readTree(of(Finding("disk", "driver", Level.Problem, "full", "empty it")).json)
    assert(!json.get("ok").asBoolean && json.get("problems").asInt == 1 && json.get("Spark").asText == "9.9")
    assert(
      json.get("findings").get(0).properties.asScala.toSeq.map(_.getKey) == Seq(
        "subject",
        "place",
        "level",
        "value",
        "remedy"
      )
    )
    assert(json.get("measures").get(0).get("x_ms").asDouble == 1.5)
    assert(
      of(Finding("disk", "driver", Level.Note, "small")).ok && of(
        Finding("a", "b", Level.Ok, "")
      ).verdict == "no problems"
    )
  }
}
