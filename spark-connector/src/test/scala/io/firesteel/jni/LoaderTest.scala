// What a user reads when the library cannot be loaded. Each case is a process, because a process loads once.
package io.firesteel.jni

import io.firesteel.TestSpark
import java.nio.file.Files
import org.scalatest.funsuite.AnyFunSuite
import scala.sys.process.Process

class LoaderTest extends AnyFunSuite {
  private def probe(properties: (String, String)*): String = {
    val flags = properties.map { case (key, value) => s"-D$key=$value" }
    val command = Seq(s"${sys.props("java.home")}/bin/java", "-cp", sys.props("java.class.path")) ++ flags
    Process(command :+ "io.firesteel.jni.LoaderProbe").!!.linesIterator.toSeq.last
  }

  test("the library says the version of this jar") {
    assert(probe().contains("\"crate\":\"0.1.0\""))
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
}
