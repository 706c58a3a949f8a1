// The versions and the hardware of the driver, for the start event and --version.
package io.firesteel.driver

import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}
import io.firesteel.jni.Engine

import java.io.IOException
import java.nio.file.{Files, Path}
import java.util.Properties
import scala.jdk.CollectionConverters._
import scala.util.Using

object Environment {

  /** The version of this jar. */
  lazy val firesteel: String = {
    val properties = new Properties()
    Using.resource(classOf[Engine].getResourceAsStream("version.properties"))(properties.load)
    properties.getProperty("version")
  }

  /** What --version prints; does not load the native library. */
  def describe: String = s"firesteel $firesteel (Spark ${org.apache.spark.SPARK_VERSION}, " +
    s"Scala ${scala.util.Properties.versionNumberString}, Java ${System.getProperty("java.version")})"

  /** Versions of all software that influences the result; loads the native library. */
  def versions: ObjectNode = JsonNodeFactory.instance
    .objectNode()
    .put("firesteel", firesteel)
    .put("libtorch", new ObjectMapper().readTree(Engine.version()).path("libtorch").asText)
    .put("spark", org.apache.spark.SPARK_VERSION)
    .put("java", System.getProperty("java.version"))
    .put("scala", scala.util.Properties.versionNumberString)

  /** The driver's machine; executors may be others. */
  def hardware: ObjectNode = JsonNodeFactory.instance
    .objectNode()
    .put("cpu", field("/proc/cpuinfo", "model name").getOrElse(System.getProperty("os.arch")))
    .put("cores", Runtime.getRuntime.availableProcessors)
    .put("memory_bytes", field("/proc/meminfo", "MemTotal").flatMap(_.split(' ').head.toLongOption).fold(0L)(_ * 1024))

  /** The first `name : value` in a file of /proc; None if there is none (ARM has no model name). */
  private def field(file: String, name: String): Option[String] =
    try
      Using.resource(Files.lines(Path.of(file)))(_.iterator.asScala.map(_.split(":", 2)).collectFirst {
        case Array(key, value) if key.trim == name => value.trim
      })
    catch { case _: IOException => None }
}
