// Paths are read character by character, and what a JVM cannot name is refused.
package io.firesteel.files

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import java.nio.charset.StandardCharsets.{ISO_8859_1, US_ASCII, UTF_8}
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.FileSystem
import org.scalatest.funsuite.AnyFunSuite

class FileNamesTest extends AnyFunSuite {
  private lazy val local = FileSystem.getLocal(new Configuration())

  /** Where a local path leads, as the operating system has it. */
  private def place(text: String): String = local.makeQualified(FileSystems.path(text)).toUri.getPath

  test("a path is what it says, relative or not") {
    val here = sys.props("user.dir")
    for (
      name <- Seq("c:d", "c:d/e", "a,b", "run?", "b\\s", "x%20y", "h#i", "s;t", "é", " ", "{a}[b]*", s"a$${user.home}b")
    ) {
      assert(place(name) == s"$here/$name")
      assert(place(s"/$name") == s"/$name")
      assert(place(s"file:/$name") == s"/$name" && place(s"file:///$name") == s"/$name")
    }
    assert(place(".") == here && place("//a///b/") == "/a/b")
  }

  test("a URI keeps its scheme and its host") {
    val path = FileSystems.path("hdfs://host:8020/a b").toUri
    assert(path.getScheme == "hdfs" && path.getAuthority == "host:8020" && path.getPath == "/a b")
  }

  private def refusal(body: => Unit): String = {
    val e = intercept[FiresteelException](body)
    assert(e.kind == Kind.CONFIG)
    e.getMessage
  }

  test("a name that the locale's charset lacks is refused with what to set") {
    FileNames.check("/é", UTF_8)
    FileNames.check("/é", ISO_8859_1)
    FileNames.check("/e?", US_ASCII)
    assert(
      refusal(FileNames.check("/é", US_ASCII)).contains("US-ASCII") && refusal(FileNames.check("/☃", ISO_8859_1))
        .endsWith("LC_ALL=C.UTF-8")
    )
  }

  test("an argument that may have lost characters is refused") {
    FileNames.checkRead("argument", "run?é", UTF_8)
    FileNames.checkRead("argument", "run", US_ASCII)
    for ((argument, charset) <- Seq("??" -> US_ASCII, "\ufffd" -> US_ASCII, "?" -> ISO_8859_1))
      assert(refusal(FileNames.checkRead("argument", argument, charset)).endsWith("LC_ALL=C.UTF-8"))
    assert(
      refusal(FileNames.checkRead("argument", "caf\ufffd", UTF_8)).startsWith("argument 'caf\ufffd': it is not UTF-8")
    )
  }
}
