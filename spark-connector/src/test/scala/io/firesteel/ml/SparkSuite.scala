// What the tests of the estimator share: a Spark session, and small tables of images.
package io.firesteel.ml

import io.firesteel.TestSpark
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

abstract class SparkSuite extends AnyFunSuite with BeforeAndAfterAll {
  protected lazy val spark: SparkSession = {
    TestSpark.context("local[2]")
    SparkSession.builder().config("spark.sql.shuffle.partitions", "2").getOrCreate()
  }

  override def afterAll(): Unit = {
    spark.stop()
    PredictorCache.closeIdle(kept = 0) // other suites see that nothing native is left
  }

  /** 400 training images of CIFAR-10 with columns image, label, label_name, file and row; or the 100 test images. */
  protected def cifar(split: String = "train"): DataFrame =
    spark.read.format("cifar").option("split", split).load(TestSpark.fixture("cifar10-tiny"))

  /** A short run. */
  protected def small: CnnClassifier = new CnnClassifier()
    .setFeaturesCol("image")
    .setWorkers(2)
    .setTau(5)
    .setBatch(20)
    .setIterations(10)
    .setLr(0.001)
    .setLrPolicy("fixed")
    .setSeed(3L)
}
