// A program that limits its own address space and then asks the library for more memory; MemoryTest runs it as a
// process.
package io.firesteel.jni

import java.nio.file.{Files, Paths}
import scala.jdk.CollectionConverters._
import scala.sys.process.Process

object MemoryProbe extends App {
  private val MiB = 1L << 20
  private val values = new Array[Float](60000000) // 229 MiB
  private val bytes = new Array[Byte](240000000)
  Engine.version()

  private val status = Files.readAllLines(Paths.get("/proc/self/status")).asScala
  private val size = status.find(_.startsWith("VmSize:")).get.filter(_.isDigit).toLong * 1024
  private val limit = size + 100 * MiB
  assert(Process(Seq("prlimit", "--pid", ProcessHandle.current.pid.toString, s"--as=$limit")).! == 0)

  private def say(name: String)(call: => Any): Unit =
    try println(s"$name | done ${call != null}")
    catch { case e: NativeException => println(s"$name | ${e.kind.code} | ${e.getMessage}") }

  say("floats")(Predictor.open("{}", values, values))
  say("bytes")(Exchanger.host("{}", bytes))
  say("alive")(Engine.version())
}
