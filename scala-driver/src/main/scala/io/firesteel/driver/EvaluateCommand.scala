// The command `evaluate`: a trained model on the training or test set of a data set, as a whole and by class.
// All about the model is read from the output directory of `train`; the command line names the data.
package io.firesteel.driver

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{FiresteelException, TrainConfig}
import io.firesteel.data.ImageFiles
import io.firesteel.driver.console.Console
import io.firesteel.driver.files.OutputDir
import io.firesteel.driver.options.{Command, JsonSettings, Options, RunConfig}
import io.firesteel.files.Directory
import io.firesteel.jni.Kind
import io.firesteel.train.Evaluation

import scala.util.Using

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

    val (directory, file) = locate(model)
    val dir = Directory.existing(directory, SparkApplication.hadoop)
    val config = configuration(dir, settings)
    Seq(file, OutputDir.Preprocessing).filterNot(dir.contains).foreach(absent(dir, _))
    val data = config.data.getOrElse(fail("evaluate needs --data"))

    SparkApplication.use("firesteel evaluate") { sc =>
      val images = ImageFiles.open(sc, data, config.dataset)
      val source =
        if (split == "train") images.train else images.test.getOrElse(fail(s"data set $data has no test files"))
      val result = Using.Manager { use =>
        def open(name: String) = use(dir.open(name).getOrElse(absent(dir, name)))
        Evaluation.evaluate(sc, source, config, open(file), open(OutputDir.Preprocessing), console.err.println)
      }.get
      val lines =
        if (settings.path("json").asBoolean) Seq(EvaluationReport.json(dir.location(file), data, split, result))
        else EvaluationReport.text(data, split, result)
      lines.foreach(line => console.out.println(line))
      if (!java.lang.Double.isFinite(result.loss))
        throw new FiresteelException(
          Kind.DATA,
          s"the loss of ${dir.location(file)} on $data is ${result.loss}: its weights are no numbers, as of a run that diverged"
        )
    }
  }

  /** The configuration recorded with the model, less what belonged to that run's cluster and data, under `settings`. */
  private def configuration(dir: Directory, settings: ObjectNode): TrainConfig = {
    val bytes = dir.read(OutputDir.Config).getOrElse(absent(dir, OutputDir.Config))
    val recorded = RunConfig.parse(bytes, dir.location(OutputDir.Config)).completed.deepCopy()
    recorded.remove("workers")
    if (settings.has("data")) recorded.remove("dataset")
    val chosen = settings.deepCopy()
    own.foreach(key => chosen.remove(key))
    TrainConfig.fromJson(JsonSettings.merge(recorded, chosen).toString)
  }

  /** Directory and name of the model's file; a directory means the model a training run left in it. */
  private def locate(model: String): (String, String) =
    if (!model.endsWith(".safetensors")) (model, OutputDir.Model)
    else {
      val (directory, name) = model.splitAt(model.lastIndexOf('/') + 1)
      (if (directory.isEmpty) "." else directory, name)
    }

  private def absent(dir: Directory, name: String): Nothing = fail(
    s"no model there: ${dir.location(name)} does not exist"
  )

  private def fail(message: String): Nothing = throw new FiresteelException(Kind.CONFIG, message)
}
