// What this jar is, and on what its driver runs.
package io.firesteel

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}
import io.firesteel.jni.Engine
import java.io.IOException
import java.nio.file.{Files, Path}
import java.util.Properties
import scala.jdk.CollectionConverters._
import scala.util.Using

private[firesteel] object Build {
  private lazy val properties: Properties = {
    val read = new Properties()
    Using.resource(classOf[Engine].getResourceAsStream("version.properties"))(read.load)
    read
  }

  def version: String = properties.getProperty("version")

  /** The version of Spark that it was compiled against. */
  def spark: String = properties.getProperty("spark")

  /** The driver's machine; executors may be others. */
  def hardware: ObjectNode = JsonNodeFactory.instance
    .objectNode()
    .put("cpu", field("/proc/cpuinfo", "model name").getOrElse(System.getProperty("os.arch")))
    .put("cores", Runtime.getRuntime.availableProcessors)
    .put("memory_bytes", field("/proc/meminfo", "MemTotal").flatMap(_.split(' ').head.toLongOption).fold(0L)(_ * 1024))

  /** The same in a few words. */
  def hardwareWords: String = {
    val machine = hardware
    s"${machine.get("cores").asInt} cores of ${machine.get("cpu").asText}, ${machine.get("memory_bytes").asLong >> 30} GiB"
  }

  /** The first `name : value` in a file of /proc; None if there is none (ARM has no model name). */
  private def field(file: String, name: String): Option[String] =
    try
      Using.resource(Files.lines(Path.of(file)))(_.iterator.asScala.map(_.split(":", 2)).collectFirst {
        case Array(key, value) if key.trim == name => value.trim
      })
    catch { case _: IOException => None }
}
