// The output directory: whole files, no overwritten runs, nothing left behind.
package io.firesteel.driver

import io.firesteel.driver.Fixtures.{claim, names, scratch}
import io.firesteel.jni.Kind
import io.firesteel.train.FiresteelException
import org.apache.hadoop.conf.Configuration
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.{Files, Path}

class OutputDirTest extends AnyFunSuite {
  private def refusal(dir: Path): FiresteelException = intercept[FiresteelException](claim(dir))

  test("a file is there whole or not at all, replaced in place, with nothing beside it") {
    scratch { dir =>
      val out = claim(dir.resolve("a/b"))
      out.write("config.json", "one".getBytes)
      out.write("config.json", "two".getBytes)
      assert(out.read("config.json").map(new String(_)).contains("two"))
      assert(names(dir.resolve("a/b")) == Set("config.json"))
    }
  }

  test("a write that fails leaves the old file and no temporary one, and names the file") {
    scratch { dir =>
      val out = OutputDir.claim(s"small://$dir", SmallDisk.configuration, resume = false)
      out.write("model.safetensors", Array.fill[Byte](SmallDisk.Bytes)(1))
      val e = intercept[FiresteelException](out.write("model.safetensors", Array.fill[Byte](SmallDisk.Bytes + 1)(2)))
      assert(e.kind == Kind.IO && Failure.line(e) == s"write small:$dir/model.safetensors: IOException: disk full")
      assert(out.read("model.safetensors").exists(bytes => bytes.length == SmallDisk.Bytes && bytes.forall(_ == 1)))
      assert(names(dir) == Set("model.safetensors"))
    }
  }

  test("a file system that is not the local one replaces files too") {
    scratch { dir =>
      val out = OutputDir.claim(s"small://$dir", SmallDisk.configuration, resume = false)
      out.write("config.json", "one".getBytes)
      out.write("config.json", "two".getBytes)
      assert(out.read("config.json").map(new String(_)).contains("two"))
      assert(names(dir) == Set("config.json"))
    }
  }

  test("a directory that holds a run is refused unless it is to be resumed") {
    for (file <- Seq("metrics.jsonl", "model.safetensors", "checkpoint.safetensors")) scratch { dir =>
      Files.writeString(dir.resolve(file), "x")
      val e = refusal(dir)
      assert(e.kind == Kind.CONFIG && e.getMessage.contains(dir.toString) && e.getMessage.contains(file))
      assert(claim(dir, resume = true).read(file).isDefined)
    }
  }

  test("a directory with other files in it is accepted") {
    scratch { dir =>
      Files.writeString(dir.resolve("notes.txt"), "x")
      claim(dir)
      assert(names(dir) == Set("notes.txt"))
    }
  }

  test("what cannot be an output directory is refused at once, by its name") {
    scratch { dir =>
      val file = Files.writeString(dir.resolve("file"), "x")
      assert(Failure.line(refusal(file)).contains("not a directory"))
      assert(refusal(file.resolve("below")).getMessage.contains(s"$file/below"))
      val e = intercept[FiresteelException](OutputDir.claim("nosuch://host/x", new Configuration(), resume = false))
      assert(e.getMessage.contains("nosuch://host/x"))
    }
  }

  test("a directory that was made and stayed empty is taken away again, one that was there is not") {
    scratch { dir =>
      claim(dir.resolve("new")).releaseIfEmpty()
      claim(dir).releaseIfEmpty()
      assert(Files.exists(dir) && names(dir).isEmpty)
      val used = claim(dir.resolve("used"))
      used.write("config.json", Array.emptyByteArray)
      used.releaseIfEmpty()
      assert(names(dir) == Set("used"))
    }
  }

  test("the checkpoint store keeps the last checkpoint") {
    scratch { dir =>
      val store = claim(dir).checkpoint
      assert(store.load().isEmpty)
      store.save(Array[Byte](1))
      store.save(Array[Byte](2))
      assert(store.load().map(_.toSeq).contains(Seq[Byte](2)))
      assert(names(dir) == Set("checkpoint.safetensors"))
    }
  }
}
