package io.firesteel.train

import io.firesteel.TestSpark
import java.nio.file.Files
import org.scalatest.funsuite.AnyFunSuite

class SparkDefaultsTest extends AnyFunSuite {
  test("scripts/submit gives its driver the Java options that executors get") {
    val options = SparkDefaults.settings.find(_.key == "spark.executor.defaultJavaOptions").get.value
    assert(Files.readString(TestSpark.root.resolve("scripts/submit")).contains(options))
  }
}
