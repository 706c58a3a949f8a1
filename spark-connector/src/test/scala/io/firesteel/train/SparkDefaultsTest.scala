// The driver's JVM gets its options from scripts/submit, since Spark's settings come too late for it.
package io.firesteel.train

import io.firesteel.TestSpark
import java.nio.file.attribute.PosixFilePermissions
import java.nio.file.{Files, Path}
import org.apache.spark.SPARK_VERSION
import org.scalatest.funsuite.AnyFunSuite
import scala.sys.process.Process

class SparkDefaultsTest extends AnyFunSuite {
  private val executorOptions =
    SparkDefaults.settings.find(_.key == "spark.executor.defaultJavaOptions").get.value.split(' ').toSeq

  test("scripts/submit gives its driver the Java options that executors get, and the user's after them") {
    TestSpark.directory { root =>
      val (options, arguments) = submitted(root, "SPARK_SUBMIT_OPTS" -> "-XX:TieredStopAtLevel=4 -Dmine=1")
      assert(options.containsSlice(executorOptions), options)
      assert(options.takeRight(2) == Seq("-XX:TieredStopAtLevel=4", "-Dmine=1"), "of two the JVM takes the last")
      assert(arguments.containsSlice(Seq("--class", "io.firesteel.driver.Main")), arguments)
      assert(arguments.takeRight(2) == Seq("train", "--help"), arguments)
    }
  }

  /** The Java options and the arguments with which scripts/submit runs spark-submit: a copy of it in `root` runs a
    * stand-in, which prints them.
    */
  private def submitted(root: Path, environment: (String, String)*): (Seq[String], Seq[String]) = {
    val scripts = Files.createDirectory(root.resolve("scripts"))
    for (name <- Seq("submit", "lib.sh", "downloads.txt"))
      Files.copy(TestSpark.root.resolve("scripts").resolve(name), scripts.resolve(name))
    for (name <- Seq("pom.xml", "Cargo.toml")) Files.copy(TestSpark.root.resolve(name), root.resolve(name))
    val version =
      """(?m)^version = "(.*)"""".r.findFirstMatchIn(Files.readString(root.resolve("Cargo.toml"))).get.group(1)
    val jars = Files.createDirectories(root.resolve("scala-driver/target"))
    Files.createFile(jars.resolve(s"firesteel-driver_2.13-$version.jar"))

    val spark = Files.createDirectories(root.resolve("spark/bin"))
    val core = Files.createDirectories(root.resolve("spark/jars")).resolve(s"spark-core_2.13-$SPARK_VERSION.jar")
    Files.createFile(core) // by whose name scripts/submit knows the version of Spark and of Scala
    val standIn =
      Files.writeString(spark.resolve("spark-submit"), "#!/bin/sh\necho $SPARK_SUBMIT_OPTS\nprintf '%s\\n' \"$@\"\n")
    Files.setPosixFilePermissions(standIn, PosixFilePermissions.fromString("rwxr-xr-x"))
    val run = Process(
      Seq("bash", scripts.resolve("submit").toString, "train", "--help"),
      None,
      environment :+ ("SPARK_HOME" -> spark.getParent.toString): _*
    )
    val lines = run.!!.linesIterator.toSeq
    (lines.head.split(' ').toSeq, lines.tail)
  }
}
