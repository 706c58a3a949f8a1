// How the plugin gets into an application, and what its pages bring along.
package io.firesteel.ui

import io.firesteel.TestSpark
import java.nio.file.Files
import java.security.MessageDigest
import java.util.HexFormat
import org.apache.spark.SparkConf
import org.scalatest.funsuite.AnyFunSuite

class FiresteelPluginTest extends AnyFunSuite {
  private val own = classOf[FiresteelPlugin].getName

  private def added(before: Option[String]): String = {
    val conf = new SparkConf(loadDefaults = false)
    before.foreach(conf.set("spark.plugins", _))
    FiresteelPlugin.addTo(conf).get("spark.plugins")
  }

  test("the plugin is added to those that the user has named, once") {
    assert(added(None) == own && added(Some("")) == own)
    assert(added(Some("a.B, c.D")) == s"a.B,c.D,$own")
    assert(added(Some(s"$own,a.B")) == s"$own,a.B")
  }

  test("uPlot is the files that npm's package uplot 1.6.32 has") {
    val digests = Seq(
      "uPlot.iife.min.js" -> "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
      "uPlot.min.css" -> "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"
    )
    for ((name, digest) <- digests) {
      val bytes =
        Files.readAllBytes(TestSpark.root.resolve("spark-connector/target/classes/io/firesteel/ui").resolve(name))
      assert(HexFormat.of.formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)) == digest, name)
    }
  }

  test("no script or style ends its element in the page") {
    for (name <- Seq("uPlot.iife.min.js", "plots.js", "page.js", "uPlot.min.css", "page.css")) {
      val text =
        Files.readString(TestSpark.root.resolve("spark-connector/target/classes/io/firesteel/ui").resolve(name))
      assert(!text.contains("</") && !text.contains("<!--"), name)
    }
  }
}
