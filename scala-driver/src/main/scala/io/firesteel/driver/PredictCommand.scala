// The command `predict`: what a trained model says of images, a row for each. They go through the same `transform` as a
// DataFrame of a Spark application. A wrong request is refused before Spark starts.
package io.firesteel.driver

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{FiresteelException, TrainConfig}
import io.firesteel.console.ProgressLine
import io.firesteel.driver.console.Console
import io.firesteel.driver.files.OutputDir
import io.firesteel.driver.options.{Command, Options}
import io.firesteel.files.Directory
import io.firesteel.jni.Kind
import io.firesteel.ml.{CnnClassificationModel, ModelFiles}
import io.firesteel.sources.Unlabelled
import io.firesteel.train.TrainedModel
import org.apache.spark.sql.SparkSession

object PredictCommand {
  val command: Command = Command("predict", "tell what a trained model sees in images", Options.predict)

  private val Formats = Seq("json", "parquet")
  private val Policies = Seq("fail", "drop")
  private val Splits = Seq("test", "train")

  /** @throws FiresteelException of kind config for a wrong request, of another kind for a failed run */
  def run(settings: ObjectNode, console: Console): Unit = {
    def text(key: String): Option[String] = Option(settings.get(key)).map(_.asText)
    def required(key: String): String = text(key).filter(_.nonEmpty).getOrElse(fail(s"predict needs --$key"))
    def among(key: String, names: Seq[String]): Option[String] = {
      for (name <- text(key) if !names.contains(name)) fail(s"--$key is '$name', not ${names.mkString(" or ")}")
      text(key)
    }
    val (data, path) = (required("data"), required("model"))
    val format = among("format", Formats).getOrElse(Formats.head)
    val drops = among("bad-images", Policies).contains("drop")
    val split = among("split", Splits)
    val out = text("out").filterNot(_ == PredictionOutput.Stdout)
    if (out.isEmpty && format != Formats.head) fail(s"--format $format needs --out: stdout gets lines of JSON")

    val conf = SparkApplication.hadoop
    val output = out.fold[PredictionOutput](new PrintedPredictions(console.out)) { uri =>
      new StoredPredictions(OutputDir.absent(uri, conf), format)
    }
    val open = opener(path)
    SparkApplication.use("firesteel predict") { _ =>
      val spark = SparkSession.builder().getOrCreate()
      val (images, each) = Unlabelled.open(spark, data, text("dataset"), split)
      val predictions = new Predictions(open(), images, each, settings.path("probabilities").asBoolean, drops)
      val started = System.nanoTime()
      FiresteelException.unwrapping(output.write(predictions.table))
      predictions.left.foreach(line => console.err.println(line))
      val (rows, seconds) = (predictions.predicted, (System.nanoTime() - started) / 1e9)
      console.err.println(
        s"predicted: $rows ${if (rows == 1) "image" else "images"} in ${ProgressLine.duration(seconds)}, ${ProgressLine.rate(rows / seconds)}" +
          out.fold("")(uri => s", in $uri")
      )
    }
  }

  /** Looks for the model, and returns what reads it once Spark has started.
    *
    * @param path the output directory of a run, a file of weights in one, or a directory that Spark ML saved
    */
  private def opener(path: String): () => CnnClassificationModel = {
    val conf = SparkApplication.hadoop
    def has(name: String) = Directory.existing(path, conf).contains(name)
    if (RunFiles.isFile(path) || has(OutputDir.Config)) {
      val run = RunFiles.at(path, conf)
      val config = TrainConfig.fromJson(run.recorded.completed.toString)
      () =>
        checked(
          run.location,
          CnnClassificationModel.of(run.opened(TrainedModel.read(config, _, _)), run.recorded.labels)
        )
    } else if (has(ModelFiles.Description)) () => checked(path, CnnClassificationModel.load(path))
    else
      fail(
        s"no model there: $path has neither ${OutputDir.Config}, as the output directory of a run, nor " +
          s"${ModelFiles.Description}, as a saved model"
      )
  }

  private def checked(location: String, model: CnnClassificationModel): CnnClassificationModel = {
    if (!model.content.trained.weights.forall(java.lang.Float.isFinite))
      throw new FiresteelException(
        Kind.DATA,
        s"the weights of $location are no numbers, as of a run that diverged: there is nothing to predict with"
      )
    model
  }

  private def fail(message: String): Nothing = throw new FiresteelException(Kind.CONFIG, message)
}
