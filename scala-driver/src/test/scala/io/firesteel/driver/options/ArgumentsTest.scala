// Command lines and configuration files: what they become, and how wrong ones are told.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{FiresteelException, Schema}
import io.firesteel.driver.{EvaluateCommand, Fixtures, TrainCommand}
import io.firesteel.jni.Kind
import org.scalatest.funsuite.AnyFunSuite

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.file.{Files, Path}

class ArgumentsTest extends AnyFunSuite {
  private val arguments = new Arguments(Seq(TrainCommand.command, EvaluateCommand.command), "firesteel 1.2.3")

  private def settings(args: String*): ObjectNode = arguments.parse("train" +: args) match {
    case Invocation.Run("train", values) => values
    case other                           => fail(s"parsed as $other")
  }

  private def printed(args: String*): String = arguments.parse(args) match {
    case Invocation.Print(text) => text
    case other                  => fail(s"parsed as $other")
  }

  private def refusal(args: String*): String = {
    val e = intercept[FiresteelException](arguments.parse(args))
    assert(e.kind == Kind.CONFIG)
    e.getMessage
  }

  private def withFile[A](json: String)(body: Path => A): A = Fixtures.scratch { dir =>
    body(Files.writeString(dir.resolve("run.json"), json))
  }

  test("options become typed JSON values") {
    val values = settings("--tau", "20", "--lr=0.01", "--stepvalue", "4000,4500", "--resume", "--net", "cifar10_full")
    assert(values.toString == """{"net":"cifar10_full","lr":0.01,"stepvalue":[4000,4500],"tau":20,"resume":true}""")
  }

  test("a switch has three states, and the command line's is laid over the file's") {
    assert(settings().toString == "{}")
    for (said <- Seq("--tls", "--tls=true"))
      assert(settings(said).toString == """{"tls":true}""", said)
    for (said <- Seq("--no-tls", "--tls=false")) assert(settings(said).toString == """{"tls":false}""", said)
    assert(settings("--tls", "--seed", "3").toString == """{"seed":3,"tls":true}""")
    assert(refusal("train", "--tls=maybe") == "invalid value for option '--tls': 'maybe' is not true or false")
    assert(refusal("train", "--no-tls=false").contains("'--no-tls'"))
    assert(settings("--no-tls", "--tls").toString == """{"tls":true}""")
    assert(settings("--tls", "--no-tls").toString == """{"tls":false}""")
    assert(settings("--no-tls", "--tls=false", "--tls", "--tls=false").toString == """{"tls":false}""")
    withFile("""{"tls": false}""") { file =>
      assert(settings("--config", file.toString).toString == """{"tls":false}""")
      assert(settings("--tls", "--config", file.toString).toString == """{"tls":true}""")
    }
  }

  test("the command line wins over the configuration file") {
    withFile("""{"tau": 5, "seed": 3}""") { file =>
      assert(settings("--tau", "20", "--config", file.toString).toString == """{"tau":20,"seed":3}""")
    }
  }

  test("epochs on the command line replace iterations in the configuration file") {
    withFile("""{"iterations": 4000}""") { file =>
      assert(settings("--epochs", "2", "--config", file.toString).toString == """{"epochs":2.0}""")
    }
  }

  test("an unknown key names the file and the nearest known key") {
    for ((typo, meant) <- Seq("weight-decya" -> "weight-decay", "tua" -> "tau"))
      withFile(s"""{"$typo": 0.1}""") { file =>
        assert(
          refusal("train", "--config", file.toString) ==
            s"configuration file $file: unknown key '$typo': did you mean '$meant'?"
        )
      }
  }

  test("a value of the wrong type names the file and the key") {
    withFile("""{"tau": "ten"}""") { file =>
      assert(
        refusal("train", "--config", file.toString) ==
          s"""configuration file $file: key 'tau': "ten" is not a whole number"""
      )
    }
  }

  test("malformed JSON is told with its line and column") {
    withFile("{\n  \"tau\": 10,,\n}") { file =>
      val message = refusal("train", "--config", file.toString)
      assert(message.startsWith(s"configuration file $file, line 2, column 13: unexpected character (','"))
    }
  }

  test("a key that stands twice in a configuration file is refused") {
    withFile("""{"tau": 10, "tau": 20}""")(file =>
      assert(refusal("train", "--config", file.toString).contains("'tau'"))
    )
  }

  test("a configuration file that is not there is named") {
    assert(refusal("train", "--config", "nowhere.json") == "read configuration file nowhere.json")
  }

  test("an unknown option names the nearest known one") {
    assert(refusal("train", "--taau", "3") == "unknown option '--taau': did you mean --tau?")
    assert(refusal("train", "--tua", "3") == "unknown option '--tua': did you mean --tau?")
    assert(refusal("train", "--sharpness-aware", "3") == "unknown option '--sharpness-aware'")
    assert(refusal("--sharpness-aware") == "unknown option '--sharpness-aware'")
  }

  test("an unknown command names the known ones") {
    assert(refusal("tarin") == "unknown command 'tarin': the commands are train, evaluate")
    assert(refusal() == "no command given: the commands are train, evaluate")
  }

  test("the last of a repeated option wins, and nobody is warned of it") {
    val err = new ByteArrayOutputStream()
    val before = System.err
    System.setErr(new PrintStream(err))
    try {
      assert(settings("--tau", "1", "--seed", "3", "--tau", "2").toString == """{"seed":3,"tau":2}""")
      assert(settings("--resume", "--resume").toString == """{"resume":true}""")
      withFile("""{"tau": 5}""") { file =>
        assert(settings("--config", "nowhere.json", "--config", file.toString).toString == """{"tau":5}""")
      }
    } finally System.setErr(before)
    assert(err.toString == "")
  }

  test("what a run completed in its configuration file is not asked of another run") {
    withFile("""{"tau": 5, "completed": {"tau": 5, "stepvalue": [16]}, "labels": ["a", "b"]}""") { file =>
      assert(settings("--config", file.toString, "--iterations", "40").toString == """{"tau":5,"iterations":40}""")
    }
  }

  test("an option without its value or with a wrong one is refused by name") {
    assert(refusal("train", "--tau").contains("'--tau'"))
    assert(refusal("train", "--tau", "x") == "invalid value for option '--tau': 'x' is not a whole number")
    assert(refusal("train", "--lr", "NaN").contains("'NaN' is not a number"))
    assert(refusal("train", "stray") == "'stray' belongs to no option")
  }

  test("help lists the options that most runs need, those of a group, or all") {
    def listed(help: String) = // a long key without a value has a line to itself
      Options.train.map(_.key).filter(key => Seq(' ', '=', '[', '\n').exists(next => help.contains(s" --$key$next")))
    assert(listed(printed("train", "--help=all")) == Options.train.map(_.key))
    assert(listed(printed("train", "--help")) == Options.train.filter(_.common).map(_.key))
    val common = printed("train", "--help").linesIterator.size
    assert(common < 80, s"$common lines are more than two screens")
    for (group <- Schema.groups) {
      val own = Options.train.filter(_.group == group.name).map(_.key)
      assert(listed(printed("help", group.name)) == own && listed(printed("train", "-h", group.name)) == own)
      assert(printed("train", "--help").contains(group.summary))
    }
    assert(refusal("help", "datta").startsWith("no group of options 'datta': they are data, net, "))
    val evaluate = printed("evaluate", "--help")
    assert(Options.evaluate.forall(setting => evaluate.contains("--" + setting.key)) && !evaluate.contains("GROUP:"))
  }

  test("version tells the version") {
    assert(printed("--version") == "firesteel 1.2.3")
    assert(Seq("train", "evaluate").forall(printed("--help").contains))
  }
}
