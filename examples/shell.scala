// Firesteel in Spark's shell: trains a net on Fashion-MNIST, tests it, saves it and loads it again.
//   spark-shell --jars "$(firesteel jars)" -i examples/shell.scala
// The data are those of Debian's package dataset-fashion-mnist, or of the directory FIRESTEEL_FASHION_MNIST. On a terminal a line
// shows how far the fit is. The shell stays open; :quit ends it.
import io.firesteel.ml._
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator

val path = sys.env.getOrElse("FIRESTEEL_FASHION_MNIST", "/usr/share/datasets/fashion-mnist")
val train = spark.read.format("idx").load(path)
val test = spark.read.format("idx").option("split", "test").load(path)

val classifier = new CnnClassifier().setNet("cifar10_quick").setFeaturesCol("image").setWorkers(2).setBatch(50).setEpochs(1.0).setSeed(1)
val model = classifier.fit(train)

val predicted = model.transform(test)
val accuracy = new MulticlassClassificationEvaluator().setMetricName("accuracy").evaluate(predicted)
println(f"accuracy on ${test.count()} test images: ${100 * accuracy}%.1f %%")

val directory = java.nio.file.Files.createTempDirectory("firesteel").toString
model.write.overwrite().save(directory)
val again = CnnClassificationModel.load(directory)
again.transform(test).select("label", "prediction").show(5)
