// The whole small job in directories of every awkward name, and in locales that write numbers otherwise.
package io.firesteel.driver

import io.firesteel.driver.Fixtures._
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.{Files, Path}
import java.util.Locale
import scala.jdk.CollectionConverters._
import scala.util.Using

class OddNamesTest extends AnyFunSuite with BeforeAndAfterAll {
  override def beforeAll(): Unit = local.foreach { case (key, value) => sys.props(key) = value }
  override def afterAll(): Unit = local.foreach { case (key, _) => sys.props.remove(key) }

  private def train(data: Path, out: Path, more: String*): String = {
    val options = Seq("--workers", "2", "--tau", "2", "--batch", "20", "--iterations", "4")
    val (status, text, err) = submit(Seq("train", "--data", s"$data", "--out", s"$out") ++ options ++ more: _*)
    assert(status == 0, err)
    assert(names(out) == complete)
    text
  }

  /** Directories, each with one that its name matches where it is taken for a pattern or a list. */
  private val odd = Seq(
    "a,b" -> "a",
    "br[1]" -> "br1",
    "br{a,b}" -> "bra",
    "c:d" -> "c",
    "b\\s" -> "bs",
    "run?" -> "run1",
    "star*x" -> "starax",
    "g[a]" -> "ga",
    s"p%20 #;é$${user.home}\u2603" -> "p "
  )

  test("a run reads and writes the directories that it names, whatever their names") {
    scratch { dir =>
      for ((name, near) <- odd) {
        val data = Files.createDirectories(dir.resolve(name))
        Using.resource(Files.list(tiny))(
          _.iterator.asScala.foreach(file => Files.copy(file, data.resolve(file.getFileName)))
        )
        val other = Files.createDirectories(dir.resolve(near)).resolve("data_batch_1.bin")
        Files.write(other, Files.readAllBytes(data.resolve("data_batch_1.bin")).take(3073 * 40))
        val out = dir.resolve(s"out $name")
        val config = Files.writeString(dir.resolve(s"$name.json"), """{"seed": 7}""")
        val text = train(data, out, "--config", s"$config")
        assert(text.contains(s"data: $data, 400 training and 100 test rows"), text)
        val (status, said, err) = submit("evaluate", "--data", s"$data", "--model", s"$out/model.safetensors")
        assert(status == 0 && said.contains(s"100 rows of $data"), err)
      }
      assert(names(dir) == odd.flatMap { case (name, near) => Seq(name, near, s"out $name", s"$name.json") }.toSet)
    }
  }

  test("a checkpoint of a locale with other digits and letters is gone on from in any other") {
    val default = Locale.getDefault
    for (locale <- Seq("ar-EG", "fa-IR", "th-TH-u-nu-thai", "tr-TR").map(Locale.forLanguageTag)) scratch { dir =>
      try {
        Locale.setDefault(locale)
        train(tiny, dir.resolve("run"))
      } finally Locale.setDefault(default)
      assert(train(tiny, dir.resolve("run"), "--resume").contains("resumed after round 2"))
    }
  }
}
