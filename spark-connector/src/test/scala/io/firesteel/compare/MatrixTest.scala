// What a matrix expands to, and what is wrong with one, told with its place.
package io.firesteel.compare

import io.firesteel.{FiresteelException, TestSpark}
import io.firesteel.jni.Kind
import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite

class MatrixTest extends AnyFunSuite {
  private def parse(json: String): Matrix = MatrixFile.parse(json.replace('\'', '"'), "m.json", Path.of(_))

  private def names(json: String): Seq[String] = parse(json).cells.map(_.name)

  private val axes = "'axes': {'strategy': ['sparknet', 'easgd'], 'tau': [1, 10]}, 'budget': {'samples': 100}"

  test("axes are combined, the last one fastest, under the base") {
    val cells = parse(s"{$axes, 'base': {'lr': 0.5, 'tau': 3}}").cells
    assert(
      cells.map(_.name) == Seq(
        "strategy sparknet, tau 1",
        "strategy sparknet, tau 10",
        "strategy easgd, tau 1",
        "strategy easgd, tau 10"
      )
    )
    assert(cells(3).settings.toString == """{"lr":0.5,"tau":10,"strategy":"easgd"}""")
  }

  test("axes have the order of the file") {
    val keys = Seq("tau", "seed", "batch", "lr", "net", "strategy", "solver", "workers").map(_ -> "[1]")
    val json =
      keys.map { case (key, values) => s"'$key': $values" }.mkString("{'axes': {", ", ", "}, 'budget': {'samples': 1}}")
    assert(parse(json).axes.map(_.key) == keys.map(_._1))
  }

  test("a value may be several settings with a name, also those of a configuration file, and an axis any word") {
    val file = Files.createTempFile("recipe", ".json")
    Files.writeString(file, """{"lr": 0.1, "epochs": 3, "momentum": 0.5}""")
    val value = s"{'name': 'a', 'config': '$file', 'set': {'momentum': 0.9}}"
    val cells = parse(s"{'axes': {'who': [$value]}, 'budget': {'samples': 1}}").cells
    assert(cells.map(_.name) == Seq("who a") && cells.head.settings.toString == """{"lr":0.1,"momentum":0.9}""")
    Files.delete(file)
  }

  test("every matrix of the repository is read, and has its seeds in groups") {
    val files = Files.list(TestSpark.root.resolve("configs/compare")).toArray.map(_.asInstanceOf[Path])
    assert(files.length >= 4)
    for (file <- files) {
      val groups = MatrixFile.read(file).cells.groupBy(_.group)
      assert(groups.values.map(_.size).toSet.size == 1, file)
    }
  }

  test("exclusions and overrides apply by labels and by settings") {
    assert(names(s"{$axes, 'exclude': [{'strategy': 'easgd', 'tau': 1}]}").size == 3)
    val changed = parse(s"{$axes, 'override': [{'where': {'tau': 10}, 'set': {'workers': 2}}]}").cells
    assert(changed.map(_.settings.has("workers")) == Seq(false, true, false, true))
  }

  test("keys of a cluster belong to a simulated comparison, which has no budget of seconds") {
    val cluster = "'base': {'bandwidth': 1e9}, 'axes': {'delay': [0, 1]}, 'budget': {'samples': 1}"
    val cells = parse(s"{'simulate': {'jitter': 0.5}, $cluster}").cells
    assert(cells(1).settings.toString == """{"bandwidth":1.0E9,"jitter":0.5,"delay":1}""")
    for (
      (json, expected) <- Seq(
        s"{$cluster}" -> "base: unknown key 'bandwidth'",
        s"{'simulate': {'jiter': 1}, $axes}" -> "simulate: unknown key 'jiter': did you mean 'jitter'?",
        "{'simulate': {}, 'axes': {'tau': [1]}, 'budget': {'seconds': 1}}" -> "budget: a simulated run ends after"
      )
    ) {
      val e = intercept[FiresteelException](parse(json))
      assert(e.kind == Kind.CONFIG && e.getMessage.startsWith(s"m.json: $expected"), e.getMessage)
    }
  }

  test("runs of a group differ in their seeds only") {
    val cells = parse("{'axes': {'tau': [1, 2], 'seed': [0, 1, 2]}, 'budget': {'iterations': 3}}").cells
    assert(cells.size == 6 && cells.map(_.group).distinct == Seq(Seq("tau" -> "1"), Seq("tau" -> "2")))
  }

  test("what is wrong is told with its place and the nearest key") {
    val budget = "'budget': {'samples': 1}"
    for (
      (json, expected) <- Seq(
        "{'axis': {}}" -> "m.json: the file: unknown key 'axis': did you mean 'axes'?",
        s"{'base': {'worker': 2}, $budget}" -> "m.json: base: unknown key 'worker': did you mean 'workers'?",
        s"{'axes': {'tua': [1]}, $budget}" -> "m.json: axes: unknown key 'tua': did you mean 'tau'?",
        s"{'axes': {'tau': 1}, $budget}" -> "m.json: axes.tau: 1 is no list of values",
        s"{'axes': {'tau': []}, $budget}" -> "m.json: axes.tau: [] is no list of values",
        s"{'axes': {'tau': [1, 1]}, $budget}" -> "m.json: axes.tau: 1 stands twice",
        s"{'axes': {'x': [{'set': {}}]}, $budget}" -> """m.json: axes.x: {"set":{}} has no name""",
        s"{'base': {'epochs': 2}, $budget}" -> "m.json: base: epochs is decided by the budget; leave it out",
        "{'axes': {}}" -> "m.json: budget: say one of samples, seconds, iterations",
        "{'budget': {'samples': 1, 'seconds': 2}}" -> "m.json: budget: say one of samples, seconds, iterations",
        "{'budget': {'samples': 0}}" -> "m.json: samples: 0 is no number above 0",
        "{'budget': {'iterations': 0.5}}" -> "m.json: iterations: 0.5 is no whole number from 1 to 2147483647",
        s"{'goal': 70, $budget}" -> "m.json: goal: 70.0 is above 1; an accuracy is a fraction",
        s"{'evaluations': 0.5, $budget}" -> "m.json: evaluations: 0.5 is no whole number from 1 to 2147483647",
        s"{$axes, 'exclude': [{'tau': 7}]}" -> """m.json: exclude: {"tau":7} applies to no run""",
        s"{$axes, 'exclude': [{}]}" -> "m.json: exclude leaves no run",
        s"{$axes, 'override': [{'where': {}}]}" -> """m.json: override: {"where":{}} has no object set""",
        "{'a': " -> "m.json: line 1, column 7: unexpected end-of-input"
      )
    ) {
      val e = intercept[FiresteelException](parse(json).cells)
      assert(e.kind == Kind.CONFIG && e.getMessage.startsWith(expected), json)
    }
    val same = s"{'axes': {'x': [{'name': 'a', 'set': {}}, {'name': 'b', 'set': {}}]}, $budget}"
    assert(intercept[FiresteelException](names(same)).getMessage == "m.json: x a and x b are the same run: {}")
  }
}
