// The versions of the software that runs, for the start event and --version.
package io.firesteel.driver

import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}
import io.firesteel.Build
import io.firesteel.jni.Engine

object Environment {

  /** What --version prints; does not load the native library. */
  def describe: String = s"firesteel ${Build.version} (Spark ${org.apache.spark.SPARK_VERSION}, " +
    s"Scala ${scala.util.Properties.versionNumberString}, Java ${System.getProperty("java.version")})"

  /** Versions of all software that influences the result; loads the native library. */
  def versions: ObjectNode = JsonNodeFactory.instance
    .objectNode()
    .put("firesteel", Build.version)
    .put("libtorch", new ObjectMapper().readTree(Engine.version()).path("libtorch").asText)
    .put("spark", org.apache.spark.SPARK_VERSION)
    .put("java", System.getProperty("java.version"))
    .put("scala", scala.util.Properties.versionNumberString)
}
