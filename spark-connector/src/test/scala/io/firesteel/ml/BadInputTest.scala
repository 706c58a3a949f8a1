// What an estimator or a model refuses, each with its message; and rows that are dropped or get null.
package io.firesteel.ml

import io.firesteel.FiresteelException
import io.firesteel.data.TestImages
import io.firesteel.jni.Kind
import java.nio.charset.StandardCharsets.UTF_8
import org.apache.spark.ml.linalg.Vector
import org.apache.spark.ml.param.ParamMap
import org.apache.spark.sql.functions._
import org.apache.spark.sql.types.{IntegerType, StringType}
import org.apache.spark.sql.{DataFrame, Row, SparkSession}

class BadInputTest extends SparkSuite {
  import spark.implicits._

  private def refused(kind: Kind)(body: => Any): String = {
    val e = intercept[FiresteelException](body)
    assert(e.kind == kind, e)
    e.getMessage
  }

  private lazy val png = TestImages.drawn(40, 30)((y, x) => y << 16 | x << 8)

  /** Eight files of two classes. */
  private def files: Seq[(String, Array[Byte], Int)] =
    (0 until 8).map(at => (s"dir/$at.png", TestImages.drawn(8 + at, 9)((y, x) => at * 30 << 16 | y << 8 | x), at % 2))

  private def table(rows: Seq[(String, Array[Byte], Int)]): DataFrame = rows.toDF("path", "content", "label")

  private def tiny: CnnClassifier =
    small.setFeaturesCol("content").setWorkers(1).setBatch(2).setTau(1).setIterations(2).setSize(32)

  test("a column that is missing or of a wrong type is named") {
    val other = cifar().withColumn("text", lit("x"))
    assert(
      refused(Kind.CONFIG)(small.setFeaturesCol("picture").fit(cifar())) ==
        "featuresCol is picture, and there is no such column, only image, label, label_name, file, row"
    )
    assert(
      refused(Kind.CONFIG)(small.setFeaturesCol("text").fit(other)) ==
        "column text is of type string, which holds no images: an image struct, binary, an array of numbers and a vector do"
    )
    assert(
      refused(Kind.CONFIG)(small.setLabelCol("image").fit(cifar())).startsWith("label column image is of type struct<")
    )
    assert(
      refused(Kind.CONFIG)(small.setValidationIndicatorCol("label").fit(cifar())) ==
        "validationIndicatorCol label is of type int, not boolean"
    )
    assert(
      refused(Kind.CONFIG)(small.fit(cifar().withColumn("prediction", lit(1)))) ==
        "there is a column prediction already: rename or drop it"
    )
    assert(
      refused(Kind.CONFIG)(tiny.setFeaturesCol("numbers").fit(cifar().withColumn("numbers", array(lit(1.0f))))) ==
        "column numbers holds numbers: say the height, width and channels of its images with imageShape"
    )
  }

  test("labels that cannot be learnt are named") {
    def labelled(label: String) = cifar().withColumn("label", expr(label))
    assert(refused(Kind.DATA)(small.fit(cifar().limit(0))) == "there are no training rows")
    assert(
      refused(Kind.DATA)(small.fit(labelled("3"))) ==
        "label column label: all training rows are of class 3, and a classifier needs two"
    )
    val whole = "labels are whole numbers from 0 to 1048575, or strings"
    assert(refused(Kind.DATA)(small.fit(labelled("label - 1"))) == s"label column label has -1.0: $whole")
    assert(refused(Kind.DATA)(small.fit(labelled("1.5"))) == s"label column label has 1.5: $whole")
    assert(
      refused(Kind.DATA)(small.fit(labelled("if(row < 3, null, label)"))) ==
        "label column label is null in 3 rows: remove them, or leave them out with badImages drop"
    )
    val held = cifar().withColumn("held", expr("label = 7"))
    assert(
      refused(Kind.DATA)(small.setValidationIndicatorCol("held").fit(held)) ==
        "label column label: class 7 is in validation rows only, so that it cannot be learnt"
    )
  }

  test("weights that are none are refused") {
    def fit(weight: String) = small.setWeightCol("weight").fit(cifar().withColumn("weight", expr(weight)))
    assert(refused(Kind.DATA)(fit("-0.5D")) == "a weight is -0.5: weights are finite and not negative")
    assert(refused(Kind.DATA)(fit("cast(null as double)")) == "a weight is null")
    assert(refused(Kind.CONFIG)(fit("'heavy'")) == "weightCol weight is of type string, not a number")
  }

  test("rows without a label are left out by badImages drop") {
    val table = cifar().withColumn("label", expr("if(row < 3, null, label)"))
    val expected = small.fit(cifar().filter("row >= 3").coalesce(1))
    val model = small.setBadImages("drop").fit(table)
    assert(model.summary.samples == expected.summary.samples && model.numClasses == 10)
    assert(model.summary.dropped.toSeq == Seq("left out: 3 rows in which label column label is null"))
  }

  test("a bad image ends the fit by its file, or is dropped and told") {
    val cut = "dir/cut.png" -> png.take(png.length / 2)
    val bad = Seq(
      ("dir/text.jpg" -> "hello".getBytes(UTF_8), "text, not an image: JPEG and PNG are read"),
      ("dir/empty.jpg" -> Array.emptyByteArray, "the image is empty: 0 bytes"),
      (cut, "truncated: a PNG that ends in the middle"),
      ("dir/null.png" -> null, "the image is empty: 0 bytes")
    )
    for (((path, content), why) <- bad) {
      val rows = table(files :+ ((path, content, 0)))
      val message = refused(Kind.DATA)(tiny.fit(rows))
      assert(message.startsWith(s"$path: $why"), message)
      val summary = tiny.setBadImages("drop").fit(rows).summary
      assert(summary.dropped.toSeq == Seq(s"left out of the train set: 1 row that is no image, first $path: $why"))
    }
  }

  test("images of another size than imageShape, and values beyond a byte, are bad images") {
    val shaped = tiny.setImageShape(Array(2, 2, 1))
    val good = Seq((Array[Byte](1, 2, 3, 4), 0), (Array[Byte](5, 6, 7, 8), 1))
    val message = refused(Kind.DATA)(shaped.fit((good :+ ((Array[Byte](1, 2, 3), 1))).toDF("content", "label")))
    assert(message.startsWith("row 2 of the training rows: 3 values, not the 4 of 2 x 2 x 1"), message)
    val floats = Seq((Array(0f, 1f, 2f, 3f), 0), (Array(0f, 1f, 2f, 255.5f), 1))
    val beyond = refused(Kind.DATA)(shaped.fit(floats.toDF("content", "label")))
    assert(beyond.startsWith("row 1 of the training rows: value 3 is 255.5, not 0 to 255"), beyond)
  }

  test("transform fails at a bad image, drops it, or gives it predictions that are null") {
    val model = tiny.fit(table(files))
    val rows = table(files :+ (("dir/text.jpg", "hello".getBytes(UTF_8), 0)))
    val e = intercept[Exception](model.transform(rows).collect())
    val causes = Iterator.iterate[Throwable](e)(_.getCause).takeWhile(_ != null)
    assert(
      causes.exists(
        _.getMessage ==
          "dir/text.jpg: text, not an image: JPEG and PNG are read: mend or remove it, or go on without such images with " +
          "badImages drop (--bad-images drop)"
      ),
      e
    )
    assert(model.setBadImages("drop").transform(rows).count() == 8)
    val scored = model.setBadImages("null").transform(rows)
    assert(scored.count() == 9 && scored.filter("prediction is null and probability is null").count() == 1)
    val pixels = intercept[FiresteelException](model.predictRaw("hello".getBytes(UTF_8)))
    assert(pixels.kind == Kind.DATA && pixels.getMessage == "no image: text, not an image: JPEG and PNG are read")
    assert(refused(Kind.CONFIG)(tiny.setBadImages("null").fit(rows)).startsWith("badImages null is for transform"))
  }

  test("badImageCol says of every bad image why it is none, and nothing of the others") {
    val model = tiny.fit(table(files)).setBadImages("null").setBadImageCol("why")
    val bad = (0 until 30).map(at => (s"dir/bad$at.jpg", if (at == 29) null else "hello".getBytes(UTF_8), 0))
    val scored = model.transform(table(bad ++ files).coalesce(1)).select("path", "prediction", "why").collect()
    val (without, predicted) = scored.partition(_.isNullAt(1))
    assert(without.map(_.getString(0)).toSeq == bad.map(_._1) && predicted.forall(_.isNullAt(2)))
    assert(without.init.forall(_.getString(2) == "text, not an image: JPEG and PNG are read"))
    assert(without.last.getString(2) == "the image is empty: 0 bytes")
  }

  test("an image for which the weights give no numbers is an image") {
    val fitted = tiny.fit(table(files))
    val trained = fitted.content.trained
    val diverged = trained.copy(weights = Array.fill(trained.weights.length)(Float.NaN))
    val model = CnnClassificationModel.of(diverged).setFeaturesCol("content").setBadImageCol("why")
    for (policy <- Seq("fail", "drop", "null")) {
      val scored = model.setBadImages(policy).transform(table(files)).collect()
      assert(scored.length == 8 && scored.forall(_.isNullAt(scored.head.fieldIndex("why"))))
      for (row <- scored; column <- Seq("rawPrediction", "probability"))
        assert(row.getAs[Vector](column).toArray.forall(_.isNaN))
      assert(scored.forall(_.getAs[Double]("prediction") == 0))
    }
  }

  test("a model of a run's result calls the classes by their names, and by numbers where there are no more names") {
    val trained = tiny.fit(table(files)).content.trained
    assert(CnnClassificationModel.of(trained).labels.toSeq == Seq("0", "1"))
    assert(CnnClassificationModel.of(trained, Seq("cat")).labels.toSeq == Seq("cat", "1"))
    assert(
      refused(Kind.CONFIG)(CnnClassificationModel.of(trained, Seq("a", "b", "c"))) == "3 names for a model of 2 classes"
    )
  }

  test("a label that training had not does not disturb transform, which reads no labels") {
    val names = udf((label: Int) => s"class $label")
    val model = tiny.fit(table(files).withColumn("label", names(col("label"))))
    val other = table(files).withColumn("label", lit("another")).withColumn("label", col("label").cast(StringType))
    assert(model.transform(other).count() == 8)
    assert(model.labels.toSeq == Seq("class 0", "class 1"))
  }

  test("thresholds of another number of classes, and a model without weights, are refused") {
    val model = tiny.fit(table(files))
    val three = new ParamMap().put(model.thresholds, Array(0.5, 0.5, 0.5))
    assert(
      refused(Kind.CONFIG)(model.transform(table(files), three)) == "3 thresholds for 2 classes"
    )
    assert(
      refused(Kind.CONFIG)(new CnnClassificationModel("bare").setFeaturesCol("image").transform(cifar()))
        .startsWith("bare has no weights")
    )
  }

  test("a setting that the engine refuses is named") {
    val message = refused(Kind.CONFIG)(small.setStrategy("sequential").setWorkers(2).fit(cifar()))
    assert(message.contains("workers"), message)
  }
}

class StoppedSparkTest extends org.scalatest.funsuite.AnyFunSuite {
  test("a fit after the session was stopped says so") {
    val spark = SparkSession.builder().master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    val rows = spark.createDataFrame(
      java.util.List.of(Row(1)),
      new org.apache.spark.sql.types.StructType().add("a", IntegerType)
    )
    spark.stop()
    val e = intercept[FiresteelException](new CnnClassifier().fit(rows))
    assert(e.getMessage == "the Spark context is stopped: make another session and DataFrame")
  }
}
