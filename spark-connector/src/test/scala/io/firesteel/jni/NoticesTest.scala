// What goes along with libfiresteel.so and the charts' library in a jar, since they contain other people's software.
package io.firesteel.jni

import io.firesteel.TestSpark
import java.nio.file.Files
import org.scalatest.funsuite.AnyFunSuite

class NoticesTest extends AnyFunSuite {
  private def packed(name: String): String =
    Files.readString(TestSpark.root.resolve("spark-connector/target/classes/META-INF").resolve(name))

  test("the jar says that libjpeg-turbo is in it, as the licence of the Independent JPEG Group wants it") {
    assert(packed("NOTICE").contains("this software is based in part on the work of the Independent JPEG Group"))
  }

  test("the jar has the licences of libjpeg-turbo and of the crates, each crate by its name and version") {
    val (list, texts) = packed("THIRD-PARTY").linesIterator.span(!_.startsWith("===="))
    val crates = list.drop(1).filter(_.nonEmpty).toSeq
    assert(crates.exists(_.startsWith("turbojpeg-sys ")) && crates.exists(_.startsWith("tch ")))
    assert(crates.forall(_.matches("[a-z0-9_-]+ [0-9.]+(\\+\\S+)? +\\S.*")), crates)
    val all = texts.mkString("\n")
    assert(all.contains("Thomas G. Lane, Guido Vollbeding") && all.contains("D. R. Commander.  All Rights Reserved"))
    assert(packed("LICENSE").contains("Apache License"))
  }

  test("the jar has the notice of ECharts and the licences of what ECharts has from others") {
    assert(packed("NOTICE").contains("Copyright\n2017-2026 The Apache Software Foundation"))
    val licences = packed("ECHARTS")
    assert(Seq("Baidu Inc.", "Mike Bostock", "Microsoft Corporation").forall(licences.contains))
  }
}
