// fit and transform on DataFrames of every kind of features and labels.
package io.firesteel.ml

import io.firesteel.train.{ImageTrainingTest, Runs, Training}
import io.firesteel.jni.Engine
import io.firesteel.{RoundDone, TrainConfig, TrainListener}
import org.apache.spark.ml.attribute.{Attribute, NominalAttribute}
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator
import org.apache.spark.ml.feature.IndexToString
import org.apache.spark.ml.linalg.{Vector, Vectors}
import org.apache.spark.ml.param.ParamMap
import org.apache.spark.ml.tuning.{CrossValidator, ParamGridBuilder, TrainValidationSplit}
import org.apache.spark.ml.{Pipeline, PipelineModel}
import org.apache.spark.sql.functions._
import org.apache.spark.sql.{DataFrame, Row}

class CnnClassifierTest extends SparkSuite {
  import CnnClassifierTest._

  private def bits(model: CnnClassificationModel) = Runs.bits(model.content.trained.weights)

  private lazy val fitted = small.fit(cifar())

  test("a fit on the table of a data set has the bits of a run on its files") {
    val config = TrainConfig(
      workers = Some(2),
      tau = 5,
      batch = Some(20),
      iterations = Some(10),
      lr = Some(0.001),
      lrPolicy = Some("fixed"),
      seed = 3
    )
    val files = Runs.cifar10(spark.sparkContext)
    val expected = Training
      .train(spark.sparkContext, files.train, None, config, TrainListener.silent, None)
    assert(bits(fitted) == Runs.bits(expected.weights))
    assert(fitted.numClasses == 10 && fitted.numFeatures == 3072 && fitted.labels.toSeq == (0 to 9).map(_.toString))
  }

  test("image structs, files, bytes, arrays and vectors of the same images give the same model") {
    val bytes = udf(pixels _)
    val planes = udf((image: Row) => chw(pixels(image)))
    val floats = udf((image: Row) => numbers(pixels(image)).map(_.toFloat))
    val vector = udf((image: Row) => Vectors.dense(numbers(chw(pixels(image)))))
    val png = udf((image: Row) => ImageTrainingTest.png(0.toByte +: chw(pixels(image))).drop(4))
    val shaped = small.setImageShape(Array(32, 32, 3))
    val planar = shaped.copy(ParamMap.empty).setImageLayout("chw")
    val kinds = Seq(bytes -> shaped, planes -> planar, floats -> shaped, vector -> planar, png -> small)
    for ((make, classifier) <- kinds) {
      val table = cifar().withColumn("image", make(col("image")))
      val model = classifier.fit(table)
      assert(bits(model) == bits(fitted), table.schema("image").dataType)
      val expected = fitted.transform(cifar()).select("prediction").collect()
      assert(model.transform(table).select("prediction").collect().toSeq == expected.toSeq)
    }
  }

  test("transform appends raw outputs, probabilities and predictions, and predictRaw of a row is the same") {
    val table = cifar("test")
    val scored = fitted.transform(table)
    assert(scored.schema == fitted.transformSchema(table.schema))
    assert(scored.columns.toSeq == table.columns.toSeq ++ Seq("rawPrediction", "probability", "prediction"))
    val rows = scored.collect()
    assert(rows.length == 100)
    for (row <- rows) {
      val (raw, probability) = (row.getAs[Vector]("rawPrediction"), row.getAs[Vector]("probability"))
      assert(probability.argmax == row.getAs[Double]("prediction") && raw.argmax == probability.argmax)
      assert(math.abs(probability.toArray.sum - 1) < 1e-12)
    }
    val alone = fitted.predictRaw(rows.head.getAs[Row]("image"))
    assert(Vectors.sqdist(alone, rows.head.getAs[Vector]("rawPrediction")) < 1e-8)
    assert(fitted.predict(rows.head.getAs[Row]("image")) == rows.head.getAs[Double]("prediction"))
  }

  test("columns that have no name are left out, and thresholds change predictions") {
    val few = fitted.copy(ParamMap.empty).setRawPredictionCol("").setProbabilityCol("p")
    few.setThresholds(Array.fill(10)(1.0).updated(4, 0.0))
    val scored = few.transform(cifar("test").limit(20))
    assert(scored.columns.takeRight(2).toSeq == Seq("p", "prediction"))
    assert(scored.select("prediction").collect().forall(_.getDouble(0) == 4))
  }

  test("strings are labels in sorted order, and predictions carry their names") {
    val model = small.setLabelCol("label_name").fit(named(cifar()))
    assert(model.labels.toSeq == (0 to 9).map(k => s"class $k") && bits(model) == bits(fitted))
    val scored = model.transform(named(cifar("test")))
    Attribute.fromStructField(scored.schema("prediction")) match {
      case nominal: NominalAttribute => assert(nominal.values.get.toSeq == model.labels.toSeq)
      case other                     => fail(other.toString)
    }
    val back = new IndexToString().setInputCol("prediction").setOutputCol("name").transform(scored)
    assert(back.filter(expr("name = concat('class ', cast(prediction as int))")).count() == 100)
    assert(model.summary.accuracy == fitted.summary.accuracy)
  }

  private def named(table: DataFrame) = table.withColumn("label_name", concat(lit("class "), col("label")))

  test("validation rows are evaluated and not learnt") {
    val table = cifar().withColumn("held", lit(false)).union(cifar("test").withColumn("held", lit(true)))
    val model = small.setValidationIndicatorCol("held").setEvalEvery(1).fit(table)
    assert(bits(model) == bits(fitted))
    val summary = model.summary
    val evaluator = new MulticlassClassificationEvaluator().setMetricName("accuracy")
    assert(summary.validationAccuracy.get == evaluator.evaluate(model.transform(cifar("test"))))
    assert(summary.history.filter("event = 'eval'").count() == 2)
  }

  test("weights of 1 change nothing, and a row of weight 0 is not learnt") {
    val one = small.setWeightCol("weight")
    assert(bits(one.fit(cifar().withColumn("weight", lit(1)))) == bits(fitted))
    val light = cifar().withColumn("weight", when(col("row") < 200, 0.0).otherwise(1.0))
    val wrong = light.withColumn("label", when(col("row") < 200, lit(9) - col("label")).otherwise(col("label")))
    assert(bits(one.fit(light)) == bits(one.fit(wrong)) && bits(one.fit(light)) != bits(fitted))
  }

  test("the summary tells losses, time and the accuracy on the rows that were fitted") {
    val summary = fitted.summary
    assert(fitted.hasSummary && summary.totalIterations == 2 && summary.objectiveHistory.length == 2)
    assert(summary.samples == 400 && summary.seconds > 0 && summary.imagesPerSecond > 0 && summary.exchangedBytes > 0)
    assert(summary.validationAccuracy.isEmpty && summary.faults.isEmpty && summary.dropped.isEmpty)
    val evaluator = new MulticlassClassificationEvaluator()
    val scored = fitted.transform(cifar())
    assert(summary.accuracy == evaluator.setMetricName("accuracy").evaluate(scored))
    assert(math.abs(summary.weightedFMeasure - evaluator.setMetricName("f1").evaluate(scored)) < 1e-12)
    val losses = summary.history.filter("event = 'round'").orderBy("round").select("loss").collect().map(_.getDouble(0))
    assert(losses.toSeq == summary.objectiveHistory.toSeq)
  }

  test("a listener receives the events of a fit") {
    var rounds = 0
    val listener = new TrainListener { override def round(e: RoundDone): Unit = rounds += 1 }
    small.setListener(listener).fit(cifar(), new ParamMap())
    assert(rounds == 2)
  }

  test("it works in a pipeline, in a cross-validation with two fits at once, and in a train-validation split") {
    val live = Engine.live()
    val classifier = small.setIterations(5)
    val maps = new ParamGridBuilder().addGrid(classifier.lr, Array(1e-3, 1e-4)).build()
    val evaluator = new MulticlassClassificationEvaluator().setMetricName("accuracy")
    val search = new CrossValidator()
      .setEstimator(new Pipeline().setStages(Array(classifier)))
      .setEvaluator(evaluator)
      .setEstimatorParamMaps(maps)
      .setNumFolds(2)
      .setParallelism(2)
      .fit(cifar())
    assert(search.avgMetrics.length == 2 && search.avgMetrics.forall(metric => metric > 0 && metric < 1))
    val best = search.bestModel.asInstanceOf[PipelineModel].stages.head.asInstanceOf[CnnClassificationModel]
    assert(best.transform(cifar("test")).count() == 100)
    val split = new TrainValidationSplit()
      .setEstimator(classifier)
      .setEvaluator(evaluator)
      .setEstimatorParamMaps(maps)
      .setParallelism(2)
      .fit(cifar())
    assert(split.validationMetrics.length == 2)
    assert(Engine.live() <= live + 2, "predictors that are kept open; workers are none")
  }
}

/** Images as values of other kinds. Functions of an object, which are serializable. */
private object CnnClassifierTest {

  /** BGR pixels of an image struct as values of another kind, in the order red, green, blue. */
  def pixels(image: Row): Array[Byte] = image.getAs[Array[Byte]]("data").grouped(3).flatMap(_.reverse).toArray

  def chw(rgb: Array[Byte]): Array[Byte] =
    (0 until 3).flatMap(channel => rgb.indices.by(3).map(at => rgb(at + channel))).toArray

  def numbers(bytes: Array[Byte]): Array[Double] = bytes.map(_ & 0xff).map(_.toDouble)
}
