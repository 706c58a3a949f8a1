// Vectors and files that do not fit into native memory are an error, after which the JVM still runs.
package io.firesteel.jni

import org.scalatest.funsuite.AnyFunSuite
import scala.sys.process.Process

class MemoryTest extends AnyFunSuite {
  test("vectors and files that do not fit into native memory are errors of kind memory, and the JVM still runs") {
    val java = Seq(s"${sys.props("java.home")}/bin/java", "-Xms1g", "-Xmx1g", "-cp", sys.props("java.class.path"))
    val said = Process(java :+ "io.firesteel.jni.MemoryProbe").!!.linesIterator.toSeq
    for ((name, line) <- Seq("floats", "bytes").zip(said))
      assert(
        line.startsWith(s"$name | memory | no memory for 228.9 MiB of weights, gradients and solver state: "),
        said
      )
    assert(said.last == "alive | done true", said)
  }
}
