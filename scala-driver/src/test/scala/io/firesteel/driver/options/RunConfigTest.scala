// What another run, `evaluate` and a resumed run read from config.json.
package io.firesteel.driver.options

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.scalatest.funsuite.AnyFunSuite

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

class RunConfigTest extends AnyFunSuite {
  private def parse(json: String) = RunConfig.parse(json.getBytes(UTF_8), "config.json")

  test("the file of the engine's tests is read and written again without a change") {
    val file = Path.of(sys.props("firesteel.root")).resolve("testdata/run-config.json")
    val bytes = Files.readAllBytes(file)
    val config = RunConfig.parse(bytes, file.toString)
    assert(
      config.asked.get("iterations").asInt == 40 && !config.asked.has("stepvalue") && !config.asked.has("completed")
    )
    assert(config.completed.get("stepvalue").toString == "[32]" && config.completed.get("classes").asInt == 10)
    assert(ConfigFile.parse(config.bytes, "again") == ConfigFile.parse(bytes, "file"))
  }

  test("in a file of an earlier version all keys count as set") {
    val old = parse("""{"tau": 5, "stepvalue": [16]}""")
    assert(old.asked == old.completed && old.asked.toString == """{"tau":5,"stepvalue":[16]}""")
  }

  test("the names of classes are read and written, and are no setting") {
    val named = parse("""{"tau": 5, "completed": {"tau": 5, "classes": 2}, "labels": ["cat", "dog 1"]}""")
    assert(named.labels == Seq("cat", "dog 1") && named.asked.toString == """{"tau":5}""")
    assert(parse(new String(named.bytes, UTF_8)) == named)
    for (wrong <- Seq("""{"a": 1}""", "\"cat\"", """["cat", 1]""")) {
      val e = intercept[FiresteelException](parse(s"""{"labels": $wrong}"""))
      assert(e.kind == Kind.CONFIG && e.getMessage == "config.json: key 'labels' is no list of names")
    }
  }

  test("another run does not inherit resume") {
    assert(parse(new String(parse("""{"resume": true, "tau": 5}""").bytes, UTF_8)).asked.toString == """{"tau":5}""")
  }
}
