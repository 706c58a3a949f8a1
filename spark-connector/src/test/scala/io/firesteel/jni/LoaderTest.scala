// What a user reads when the library cannot be loaded. Each case is a process, because a process loads once.
package io.firesteel.jni

import io.firesteel.TestSpark
import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite
import scala.sys.process.Process

class LoaderTest extends AnyFunSuite {
  private def probe(properties: (String, String)*): String = probed(Nil, properties: _*).last

  /** Lines that the program prints. */
  private def probed(arguments: Seq[String], properties: (String, String)*): Seq[String] = {
    val flags = properties.map { case (key, value) => s"-D$key=$value" }
    val command = Seq(s"${sys.props("java.home")}/bin/java", "-cp", sys.props("java.class.path")) ++ flags
    Process((command :+ "io.firesteel.jni.LoaderProbe") ++ arguments).!!.linesIterator.toSeq
  }

  /** Where the build's own libtorch has its libraries. */
  private def libtorch: Path = {
    val home = Path.of(sys.env.getOrElse("HOME", sys.props("user.home")), ".cache/firesteel")
    val cache = sys.env.get("FIRESTEEL_CACHE").map(Path.of(_)).getOrElse(home)
    sys.env.get("FIRESTEEL_LIBTORCH").map(Path.of(_)).getOrElse(cache.resolve("libtorch-2.11.0-cpu")).resolve("lib")
  }

  /** Runs `body` on the `lib` of a libtorch of links to that one. */
  private def linked[A](body: Path => A): A = TestSpark.directory { home =>
    val lib = Files.createDirectory(home.resolve("lib"))
    for (name <- Seq("libgomp.so.1", "libc10.so", "libcudart.so.13", "libcupti.so.13", "libtorch_cpu.so"))
      if (Files.exists(libtorch.resolve(name))) Files.createSymbolicLink(lib.resolve(name), libtorch.resolve(name))
    body(lib)
  }

  /** Makes a library of C code. */
  private def compile(file: Path, code: String): Unit = {
    val source = Files.writeString(file.resolveSibling("source.c"), code)
    assert(Process(Seq("cc", "-shared", "-fPIC", "-o", file.toString, source.toString)).! == 0)
    Files.delete(source)
  }

  private val loud = """#include <stdio.h>
    __attribute__((constructor)) static void loaded(void) { puts("the stand-in is loaded"); fflush(stdout); }"""

  test("the library says the version of this jar, which Cargo.toml owns") {
    val owner = Files.readString(TestSpark.root.resolve("Cargo.toml"))
    val version = """(?m)^version = "(.+)"""".r.findFirstMatchIn(owner).get.group(1)
    assert(probe().contains(s""""crate":"$version""""))
  }

  test("a missing libtorch names every place and the remedy") {
    TestSpark.directory { directory =>
      val said = probe("firesteel.libtorch" -> directory.toString)
      assert(
        said.startsWith(
          s"library | libtorch_cpu.so is missing: looked in $directory/lib, $directory; run scripts/setup"
        )
      )
      assert(said.contains("FIRESTEEL_LIBTORCH"))
    }
  }

  test("a file of libtorch that cannot be loaded is named and the linker's reason kept") {
    TestSpark.directory { directory =>
      Seq("libc10.so", "libtorch_cpu.so").foreach(name => Files.writeString(directory.resolve(name), "no library"))
      val said = probe("firesteel.libtorch" -> directory.toString)
      assert(said.startsWith(s"library | load $directory/libc10.so: ") && said.endsWith("cause true"), said)
    }
  }

  test("an incomplete libtorch names the file that is missing") {
    TestSpark.directory { directory =>
      Files.writeString(directory.resolve("libtorch_cpu.so"), "")
      assert(probe("firesteel.libtorch" -> directory.toString).contains(s"$directory/libc10.so is missing"))
    }
  }

  test("a library that is none of ours is named") {
    TestSpark.directory { directory =>
      val file = Files.writeString(directory.resolve("other.so"), "no library")
      val said = probe("firesteel.library" -> file.toString)
      assert(said.startsWith(s"library | load $file: ") && said.contains("scripts/build"), said)
    }
  }

  test("libtorch's part for CUDA is loaded where it lies beside the rest") {
    linked { lib =>
      for (part <- Seq("libc10_cuda.so", "libtorch_cuda.so")) compile(lib.resolve(part), loud)
      val said = probed(Seq("auto"), "firesteel.libtorch" -> lib.toString)
      assert(said.count(_ == "the stand-in is loaded") == 2, said)
      assert(said.last == "cpu", "the stand-in brings no GPU")
    }
  }

  test("a part for CUDA that cannot be loaded keeps nobody from the processor, and is told to who wants a GPU") {
    linked { lib =>
      val broken = Files.writeString(lib.resolve("libtorch_cuda.so"), "no library")
      assert(probed(Seq("auto"), "firesteel.libtorch" -> lib.toString).last == "cpu")
      val refused = probed(Seq("cuda"), "firesteel.libtorch" -> lib.toString).last
      assert(refused.startsWith(s"config | device cuda: libtorch sees no GPU: load $broken: "), refused)
      assert(!refused.contains("built without CUDA"))
    }
  }

  test("a libtorch without CUDA says so, and that another must be named") {
    linked { lib =>
      val refused = probed(Seq("cuda"), "firesteel.libtorch" -> lib.toString).last
      assert(
        refused.startsWith(
          s"config | device cuda: libtorch sees no GPU: libtorch in $lib was built without CUDA " +
            "(libtorch_cuda.so is not there): set FIRESTEEL_LIBTORCH"
        ),
        refused
      )
    }
  }

  test("a libtorch of another version is refused before it is loaded, by whichever file says its version") {
    val header = "#define TORCH_VERSION_MAJOR 2\n\n#define TORCH_VERSION \\\n  \"2.9.1\"\n"
    val files = Seq(
      "build-version" -> "2.9.1+cpu\n",
      "version.py" -> "from typing import Optional\n__version__ = '2.9.1+cu130'\ndebug = False\n",
      "include/torch/headeronly/version.h" -> header,
      "include/torch/csrc/api/include/torch/version.h" -> header
    )
    for ((name, text) <- files) TestSpark.directory { home =>
      val lib = Files.createDirectory(home.resolve("lib"))
      Seq("libc10.so", "libtorch_cpu.so").foreach(name => Files.writeString(lib.resolve(name), "no library"))
      val file = home.resolve(name)
      Files.createDirectories(file.getParent)
      Files.writeString(file, text)
      val said = probe("firesteel.libtorch" -> home.toString)
      assert(
        said.startsWith(s"library | libtorch in $lib is version 2.9.1 ($file), not 2.11.0: run scripts/setup on this"),
        said
      )
    }
    assert(LibtorchVersion.in(libtorch).get.version == "2.11.0", "the one that the build uses")
  }

  test("a libtorch that lacks what the library needs is named, not the build") {
    TestSpark.directory { lib =>
      for (name <- Seq("libc10.so", "libtorch_cpu.so")) {
        val file = lib.resolve(name)
        val source = Files.writeString(lib.resolve("source.c"), "")
        assert(Process(Seq("cc", "-shared", s"-Wl,-soname,$name", "-o", s"$file", s"$source")).! == 0)
      }
      val said = probe("firesteel.libtorch" -> lib.toString)
      assert(said.startsWith("library | load the jar's native/") && said.contains("undefined symbol"), said)
      assert(
        said.contains(s"libtorch in $lib is no whole 2.11.0: run scripts/setup") && !said.contains("rebuild"),
        said
      )
    }
  }

  test("a file system that is mounted noexec is told from its mount, the last one on a point") {
    val mounts = """|/dev/sda / ext4 rw 0 0
                    |tmpfs /tmp tmpfs rw,nosuid,noexec 0 0
                    |tmpfs /tmp/exec tmpfs rw 0 0
                    |tmpfs /a\040b tmpfs rw,noexec 0 0
                    |tmpfs /twice tmpfs rw,noexec 0 0
                    |tmpfs /twice tmpfs rw 0 0
                    |""".stripMargin
    def point(file: String) = LoadFailure.noexec(Path.of(file), mounts)
    assert(point("/tmp/libfiresteel1.so").get == "/tmp" && point("/a b/x.so").get == "/a b")
    for (file <- Seq("/tmp/exec/x.so", "/tmpfs/x.so", "/opt/x.so", "/twice/x.so")) assert(point(file).isEmpty, file)
  }

  test("the linker's words about the machine are not taken for a matter of the build") {
    def remedy(message: String) = LoadFailure.of(message, Path.of("/opt/torch/lib"), "rebuild")
    assert(
      remedy("/lib/libc.so.6: version `GLIBC_2.38' not found").startsWith("this machine's C or C++ library is too old")
    )
    assert(remedy("libc10.so: undefined symbol: _ZN3c10").startsWith("libtorch in /opt/torch/lib is no whole 2.11.0"))
    assert(remedy("file too short") == "rebuild")
  }
}
