// The output directory: files appear complete, no run is overwritten, nothing is left behind.
package io.firesteel.driver.files

import io.firesteel.FiresteelException
import io.firesteel.driver.Fixtures.{claim, names, open, scratch}
import io.firesteel.driver.console.Failure
import io.firesteel.jni.Kind
import org.apache.hadoop.conf.Configuration
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.{Files, Path}
import scala.util.Using

class OutputDirTest extends AnyFunSuite {
  private def refusal(dir: Path): FiresteelException = intercept[FiresteelException](claim(dir))

  private def other(dir: Path): OutputDir = OutputDir.existing(s"other://$dir", OtherDisk.configuration)

  /** A full disk: the kernel answers ENOSPC to whoever writes to this device. */
  private def fill(dir: Path): Unit =
    Files.createSymbolicLink(dir.resolve(".checkpoint.safetensors.tmp"), Path.of("/dev/full"))

  test("a file is there whole or not at all, replaced in place, with nothing beside it") {
    scratch { dir =>
      for (out <- Seq(open(dir), other(dir))) { // this machine's files, and those of another Hadoop file system
        out.write("config.json", "one".getBytes)
        out.write("config.json", "two".getBytes)
        assert(out.read("config.json").map(new String(_)).contains("two"))
        assert(names(dir) == Set("config.json"))
      }
    }
  }

  test("a full disk leaves the old file and no temporary one, and the message names the file") {
    for ((out, name, how) <- Seq[(Path => OutputDir, String, String)]((open, "", ""), (other, "other:", "FSError: ")))
      scratch { dir =>
        out(dir).write("checkpoint.safetensors", "old".getBytes)
        fill(dir)
        val e = intercept[FiresteelException](out(dir).checkpoint.save(_.write(new Array[Byte](1 << 20))))
        assert(e.kind == Kind.IO)
        assert(Failure.line(e).startsWith(s"write $name$dir/checkpoint.safetensors: $how"))
        assert(Failure.line(e).endsWith("IOException: no space left on device"))
        assert(out(dir).read("checkpoint.safetensors").map(new String(_)).contains("old"))
        assert(names(dir) == Set("checkpoint.safetensors"))
      }
  }

  test("an exception of the content is thrown, and no incomplete file stays") {
    scratch { dir =>
      for (out <- Seq(open(dir), other(dir))) {
        val thrown = new IllegalStateException("enough")
        val e = intercept[IllegalStateException](out.write("config.json") { stream =>
          stream.write(1)
          throw thrown
        })
        assert((e eq thrown) && names(dir).isEmpty)
      }
    }
  }

  test("a directory that holds a run is refused unless it is to be resumed") {
    for (file <- Seq("metrics.jsonl", "model.safetensors", "checkpoint.safetensors")) scratch { dir =>
      Files.writeString(dir.resolve(file), "x")
      val e = refusal(dir)
      assert(e.kind == Kind.CONFIG && e.getMessage.contains(dir.toString) && e.getMessage.contains(file))
      Using.resource(claim(dir, resume = true))(out => assert(out.read(file).isDefined))
    }
  }

  test("a directory with other files in it is accepted, and left as it was") {
    scratch { dir =>
      Files.writeString(dir.resolve("notes.txt"), "x")
      claim(dir).close()
      assert(names(dir) == Set("notes.txt"))
    }
  }

  test("temporary files of a killed run are deleted by the next") {
    scratch { dir =>
      Files.writeString(dir.resolve(".checkpoint.safetensors.tmp"), "half")
      claim(dir).close()
      assert(names(dir).isEmpty)
    }
  }

  test("what cannot be an output directory is refused at once with its name, and nothing is left") {
    scratch { dir =>
      val file = Files.writeString(dir.resolve("file"), "x")
      assert(Failure.line(refusal(file)).contains("not a directory"))
      assert(refusal(file.resolve("below")).getMessage.contains(s"$file/below"))
      assert(names(dir) == Set("file"))
    }
  }

  test("the message for a file system without its library says which option adds it") {
    def line(uri: String): String = {
      val e = intercept[FiresteelException](OutputDir.claim(uri, new Configuration(), resume = false))
      assert(e.kind == Kind.CONFIG)
      Failure.line(e)
    }
    assert(
      line("abfs://data@account/runs/1").contains(
        "its file system is not on the class path: give spark-submit --packages org.apache.hadoop:hadoop-azure:3."
      )
    )
    assert(line("nosuch://host/x").contains("nosuch://host/x: its file system is not on the class path"))
    assert(line("s3://bucket/x").endsWith("write s3a:// instead of s3://"))
  }

  test("a directory that was created and stayed empty is deleted again, one that existed is not") {
    scratch { dir =>
      claim(dir.resolve("new")).close()
      claim(dir).close()
      assert(Files.exists(dir) && names(dir).isEmpty)
      Using.resource(claim(dir.resolve("used")))(_.write("config.json", Array.emptyByteArray))
      assert(names(dir) == Set("used"))
    }
  }

  test("the checkpoint store keeps the last checkpoint") {
    scratch { dir =>
      val store = open(dir).checkpoint
      assert(store.load().isEmpty)
      store.save(_.write(1))
      store.save(_.write(2))
      val file = store.load().get
      assert(file.name == s"$dir/checkpoint.safetensors" && file.length == 1)
      assert(Using.resource(file)(_.in.readAllBytes().toSeq) == Seq[Byte](2))
      assert(names(dir) == Set("checkpoint.safetensors"))
    }
  }
}
