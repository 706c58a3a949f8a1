// What config.json says to another run, to `evaluate` and to the same run that is resumed.
package io.firesteel.driver

import org.scalatest.funsuite.AnyFunSuite

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

class RunConfigTest extends AnyFunSuite {
  private def parse(json: String) = RunConfig.parse(json.getBytes(UTF_8), "config.json")

  test("the file of the engine's tests is read as it was meant, and written again as it is") {
    val file = Path.of(sys.props("firesteel.root")).resolve("testdata/run-config.json")
    val bytes = Files.readAllBytes(file)
    val config = RunConfig.parse(bytes, file.toString)
    assert(config.asked.get("iterations").asInt == 40 && !config.asked.has("stepvalue") && !config.asked.has("completed"))
    assert(config.completed.get("stepvalue").toString == "[32]" && config.completed.get("classes").asInt == 10)
    assert(ConfigFile.parse(config.bytes, "again") == ConfigFile.parse(bytes, "file"))
  }

  test("an old file, which does not tell what was completed, says everything") {
    val old = parse("""{"tau": 5, "stepvalue": [16]}""")
    assert(old.asked == old.completed && old.asked.toString == """{"tau":5,"stepvalue":[16]}""")
  }

  test("that a run was resumed is not asked of another") {
    assert(parse(new String(parse("""{"resume": true, "tau": 5}""").bytes, UTF_8)).asked.toString == """{"tau":5}""")
  }
}
