// The command `evaluate`: a trained model on the training or test set of a data set, as a whole and by class.
// All about the model is read from the output directory of `train`; the command line names the data.
package io.firesteel.driver

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{FiresteelException, TrainConfig}
import io.firesteel.data.ImageFiles
import io.firesteel.driver.console.Console
import io.firesteel.driver.options.{Command, JsonSettings, Options}
import io.firesteel.jni.Kind
import io.firesteel.train.Evaluation

object EvaluateCommand {
  val command: Command = Command("evaluate", "evaluate a trained model on a data set", Options.evaluate)

  /** Settings of this command that are not part of a training configuration. */
  private val own = Seq("model", "split", "json")

  /** @throws FiresteelException of kind config for a wrong request, of another kind for a failed run */
  def run(settings: ObjectNode, console: Console): Unit = {
    val model = settings.path("model").asText
    if (model.isEmpty) fail("evaluate needs --model")
    val split = settings.path("split").asText("test")
    if (split != "test" && split != "train") fail(s"--split is '$split', not test or train")

    val run = RunFiles.at(model, SparkApplication.hadoop)
    val config = configuration(run, settings)
    val data = config.data.getOrElse(fail("evaluate needs --data"))

    SparkApplication.use("firesteel evaluate") { sc =>
      val images = ImageFiles.open(sc, data, config.dataset, known = run.recorded.labels)
      val source =
        if (split == "train") images.train else images.test.getOrElse(fail(s"data set $data has no test files"))
      val result = run.opened(Evaluation.evaluate(sc, source, config, _, _, console.err.println))
      val lines =
        if (settings.path("json").asBoolean) Seq(EvaluationReport.json(run.location, data, split, result))
        else EvaluationReport.text(data, split, result)
      lines.foreach(line => console.out.println(line))
      if (!java.lang.Double.isFinite(result.loss))
        throw new FiresteelException(
          Kind.DATA,
          s"the loss of ${run.location} on $data is ${result.loss}: its weights are no numbers, as of a run that diverged"
        )
    }
  }

  /** The configuration recorded with the model, less what belonged to that run's cluster and data, under `settings`. */
  private def configuration(run: RunFiles, settings: ObjectNode): TrainConfig = {
    val recorded = run.recorded.completed.deepCopy()
    recorded.remove("workers")
    if (settings.has("data")) recorded.remove("dataset")
    val chosen = settings.deepCopy()
    own.foreach(key => chosen.remove(key))
    TrainConfig.fromJson(JsonSettings.merge(recorded, chosen).toString)
  }

  private def fail(message: String): Nothing = throw new FiresteelException(Kind.CONFIG, message)
}
