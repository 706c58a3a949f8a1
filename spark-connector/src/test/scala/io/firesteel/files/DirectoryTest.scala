// A directory that is written in: files appear complete, and nothing is left behind.
package io.firesteel.files

import io.firesteel.TestSpark.{directory => scratch}
import io.firesteel.files.Directories.{claim, names, open, purpose}
import io.firesteel.jni.Kind
import io.firesteel.{Failure, FiresteelException}
import java.nio.file.{Files, Path}
import org.apache.hadoop.conf.Configuration
import org.scalatest.funsuite.AnyFunSuite
import scala.util.Using

class DirectoryTest extends AnyFunSuite {
  private def refusal(dir: Path): FiresteelException = intercept[FiresteelException](claim(dir))

  private def other(dir: Path): Directory = Directory.existing(s"other://$dir", OtherDisk.configuration)

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
    for ((out, name, how) <- Seq[(Path => Directory, String, String)]((open, "", ""), (other, "other:", "FSError: ")))
      scratch { dir =>
        out(dir).write("checkpoint.safetensors", "old".getBytes)
        fill(dir)
        val e = intercept[FiresteelException](
          out(dir).store("checkpoint.safetensors").save(_.write(new Array[Byte](1 << 20)))
        )
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

  test("what cannot be a directory is refused at once with its name, and nothing is left") {
    scratch { dir =>
      val file = Files.writeString(dir.resolve("file"), "x")
      assert(Failure.line(refusal(file)).contains("not a directory"))
      val below = refusal(file.resolve("below"))
      assert(
        below.getMessage ==
          s"directory of a test $file/below cannot be made or written: $file is a file: choose another"
      )
      val nowhere = refusal(Path.of("/proc/self/firesteel")) // where nobody can make a directory, root neither
      assert(nowhere.kind == Kind.IO)
      assert(Failure.line(nowhere).startsWith("directory of a test /proc/self/firesteel cannot be made or written: "))
      assert(names(dir) == Set("file"))
    }
  }

  test("the message for a file system without its library says which option adds it") {
    def line(uri: String): String = {
      val e = intercept[FiresteelException](Directory.claim(uri, new Configuration(), purpose))
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

  test("one that is Firesteel's own is deleted when it is empty, whoever made it") {
    scratch { dir =>
      val place = Files.createDirectory(dir.resolve("own")).toString
      def own() = Directory.claim(place, new Configuration(), purpose.copy(own = true))
      Using.resource(own())(_.write("config.json", Array.emptyByteArray))
      assert(names(dir) == Set("own"))
      Using.resource(own())(_.remove("config.json"))
      assert(names(dir).isEmpty)
    }
  }

  test("an interrupted thread gives its directory back, and stays interrupted") {
    scratch { dir =>
      val held = claim(dir)
      Thread.currentThread.interrupt()
      held.close()
      assert(Thread.interrupted())
      claim(dir).close()
      assert(names(dir).isEmpty)
    }
  }

  test("the checkpoint store keeps the last checkpoint") {
    scratch { dir =>
      val store = open(dir).store("checkpoint.safetensors")
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
