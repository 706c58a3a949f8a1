// The program from outside, without Spark: exit status, stdout, stderr.
package io.firesteel.driver

import io.firesteel.driver.Fixtures.{scratch, submit}
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.Files

class MainTest extends AnyFunSuite {

  /** A wrong command line: status 2, nothing on stdout, one line on stderr. */
  private def refused(args: String*): String = {
    val (status, out, err) = submit(args: _*)
    assert(status == 2 && out.isEmpty)
    assert(err.startsWith("firesteel: ") && err.linesIterator.size == 1, err)
    err.trim
  }

  test("help and version end with status 0") {
    for (args <- Seq(Seq("--help"), Seq("--version"), Seq("train", "--help"), Seq("evaluate", "-h"))) {
      val (status, out, err) = submit(args: _*)
      assert(status == 0 && out.nonEmpty && err.isEmpty)
    }
  }

  test("a wrong command line ends with status 2 and one line") {
    assert(refused() == "firesteel: no command given: the commands are train, evaluate, predict, compare, doctor")
    assert(
      refused(
        "serve"
      ) == "firesteel: unknown command 'serve': the commands are train, evaluate, predict, compare, doctor"
    )
    assert(refused("train", "--data", "d") == "firesteel: train needs --out")
    assert(refused("train", "--out", "o") == "firesteel: train needs --data")
    assert(refused("train", "--data", "d", "--out", "o", "--epoch", "1").contains("did you mean --epochs?"))
    assert(refused("evaluate", "--data", "d") == "firesteel: evaluate needs --model")
    assert(refused("evaluate", "--model", "m", "--split", "dev") == "firesteel: --split is 'dev', not test or train")
  }

  test("a configuration file that is not there is told with its cause") {
    assert(
      refused("train", "--config", "nowhere.json") ==
        "firesteel: read configuration file nowhere.json: NoSuchFileException: nowhere.json"
    )
  }

  test("evaluate names the file that a model lacks") {
    scratch { dir =>
      assert(
        refused("evaluate", "--model", dir.toString, "--data", "d") ==
          s"firesteel: no model there: $dir/config.json does not exist"
      )
    }
  }

  test("an output directory that holds a run is refused before anything is done") {
    scratch { dir =>
      Files.writeString(dir.resolve("metrics.jsonl"), "{}\n")
      val message = refused("train", "--data", "d", "--out", dir.toString)
      assert(message.contains(dir.toString) && message.contains("metrics.jsonl") && message.contains("--resume"))
      assert(Fixtures.names(dir) == Set("metrics.jsonl"))
    }
  }
}
