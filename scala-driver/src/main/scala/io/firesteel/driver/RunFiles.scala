// The model that a run of `train` left: where its files are, and what is recorded of it.
package io.firesteel.driver

import io.firesteel.{FiresteelException, StoredFile}
import io.firesteel.driver.files.OutputDir
import io.firesteel.driver.options.RunConfig
import io.firesteel.files.Directory
import io.firesteel.jni.Kind
import org.apache.hadoop.conf.Configuration

import scala.util.Using

/** @param model name of the file with the weights */
private[driver] final class RunFiles private (dir: Directory, model: String) {

  /** What config.json says of the run. */
  val recorded: RunConfig =
    RunConfig.parse(dir.read(OutputDir.Config).getOrElse(absent(OutputDir.Config)), dir.location(OutputDir.Config))
  Seq(model, OutputDir.Preprocessing).filterNot(dir.contains).foreach(absent)

  /** The file with the weights, for messages. */
  def location: String = dir.location(model)

  /** Runs `body` with the model and the preprocessing, each to be read once. */
  def opened[A](body: (StoredFile, StoredFile) => A): A = Using.Manager { use =>
    def open(name: String) = use(dir.open(name).getOrElse(absent(name)))
    body(open(model), open(OutputDir.Preprocessing))
  }.get

  private def absent(name: String): Nothing =
    throw new FiresteelException(Kind.CONFIG, s"no model there: ${dir.location(name)} does not exist")
}

private[driver] object RunFiles {
  private val Suffix = ".safetensors"

  /** Finds the model of a run.
    *
    * @param path the run's output directory, or a file of weights in it
    * @throws FiresteelException of kind config if a file is missing
    */
  def at(path: String, conf: Configuration): RunFiles = {
    val (directory, model) =
      if (isFile(path)) path.splitAt(path.lastIndexOf('/') + 1) else path -> OutputDir.Model
    new RunFiles(Directory.existing(if (directory.isEmpty) "." else directory, conf), model)
  }

  /** Whether the path is that of a file of weights, and not of a directory. */
  def isFile(path: String): Boolean = path.endsWith(Suffix)
}
