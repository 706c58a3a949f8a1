// The output directory of a run: the names of its files, and that no run is written over.
package io.firesteel.driver.files

import io.firesteel.FiresteelException
import io.firesteel.files.{Directory, Purpose}
import io.firesteel.jni.Kind
import org.apache.hadoop.conf.Configuration

object OutputDir {
  val Metrics = "metrics.jsonl"
  val Config = "config.json"
  val Model = "model.safetensors"
  val Preprocessing = "preprocessing.safetensors"
  val Checkpoint = "checkpoint.safetensors"

  private[files] val purpose: Purpose =
    Purpose("output directory", "choose another --out", Seq(Metrics, Config, Model, Preprocessing, Checkpoint))

  /** A directory that does not exist yet and that others make and write.
    *
    * @throws FiresteelException of kind config if there is anything at `uri`
    */
  def absent(uri: String, conf: Configuration): Directory = Directory.absent(uri, conf, purpose)

  /** Creates the directory if it does not exist, and claims it. It is an error if another run has claimed it, or if it
    * has the files of a run and this one is not to `resume` it. The result must be closed.
    *
    * @param submission of [[io.firesteel.files.Submission]]
    */
  def claim(uri: String, conf: Configuration, resume: Boolean, submission: Option[String] = None): Directory = {
    val directory = Directory.claim(uri, conf, purpose, submission)
    directory.orClose {
      if (!resume) refuseFinished(directory, uri)
      directory
    }
  }

  private def refuseFinished(directory: Directory, uri: String): Unit =
    for (name <- Seq(Metrics, Model, Checkpoint) if directory.contains(name))
      throw new FiresteelException(
        Kind.CONFIG,
        s"output directory $uri already holds a run ($name): continue it with --resume or choose another --out"
      )
}
