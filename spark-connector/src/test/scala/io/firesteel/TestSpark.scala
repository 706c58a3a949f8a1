// What the tests of this module share: Spark contexts, fixtures and temporary directories.
package io.firesteel

import io.firesteel.train.SparkDefaults
import java.nio.file.{Files, Path, Paths}
import java.util.Comparator
import org.apache.spark.{SparkConf, SparkContext}

object TestSpark {

  /** The top directory of the checkout, set by the build. */
  val root: Path = Paths.get(sys.props("firesteel.root"))

  def fixture(name: String): String = root.resolve("testdata").resolve(name).toString

  /** A Spark with that master and the settings of the application; the caller stops it. */
  def context(master: String, settings: (String, String)*): SparkContext = {
    val conf = new SparkConf().setMaster(master).setAppName("firesteel tests").set("spark.ui.enabled", "false")
    SparkDefaults.settings.foreach(setting => conf.set(setting.key, setting.value))
    new SparkContext(conf.setAll(settings))
  }

  /** Runs `body` on such a Spark and stops it. */
  def using[A](master: String, settings: (String, String)*)(body: SparkContext => A): A = {
    val sc = context(master, settings: _*)
    try body(sc)
    finally sc.stop()
  }

  /** Runs `body` on two executors in processes of their own, which load the classes under test. Needs a Spark
    * distribution.
    */
  def usingCluster[A](body: SparkContext => A): A = usingCluster()(body)

  def usingCluster[A](settings: (String, String)*)(body: SparkContext => A): A =
    usingClusterOf("local-cluster[2,1,1024]")(settings: _*)(body)

  /** The same with another number of executors or cores. */
  def usingClusterOf[A](master: String)(settings: (String, String)*)(body: SparkContext => A): A = {
    if (!sys.env.contains("SPARK_HOME"))
      throw new IllegalStateException("SPARK_HOME is not set: run scripts/setup and tell where its Spark is")
    val classes = Seq("classes", "test-classes").map(root.resolve("spark-connector/target").resolve(_))
    val own = Seq(
      "spark.executor.extraClassPath" -> classes.mkString(java.io.File.pathSeparator),
      "spark.executor.memory" -> "1g",
      "spark.scheduler.minRegisteredResourcesRatio" -> "1.0",
      "spark.scheduler.maxRegisteredResourcesWaitingTime" -> "2min"
    )
    using(master, own ++ settings: _*)(body)
  }

  /** Runs `body` on an empty directory, which is removed afterwards. */
  def directory[A](body: Path => A): A = {
    val made = Files.createTempDirectory("firesteel-test")
    try body(made)
    finally Files.walk(made).sorted(Comparator.reverseOrder[Path]()).forEach(Files.delete(_))
  }
}
