// The model in executors that are processes of their own.
package io.firesteel.ml

import io.firesteel.TestSpark
import org.apache.spark.sql.SparkSession
import org.scalatest.funsuite.AnyFunSuite

class ClusterTransformTest extends AnyFunSuite {
  test("executors load the model and predict what the driver predicts") {
    TestSpark.usingCluster { _ =>
      val spark = SparkSession.builder().getOrCreate()
      val images = spark.read.format("cifar").load(TestSpark.fixture("cifar10-tiny"))
      val model = CnnClassificationModel.load(TestSpark.root.resolve("testdata/models/format-1").toString)
      val rows = model.transform(images.repartition(4)).select("image", "prediction").limit(5).collect()
      assert(rows.length == 5 && rows.forall(row => model.predict(row.get(0)) == row.getDouble(1)))
      PredictorCache.closeIdle(kept = 0) // the driver's; other suites see that nothing native is left
    }
  }
}
