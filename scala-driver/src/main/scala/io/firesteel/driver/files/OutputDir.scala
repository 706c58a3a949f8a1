// The output directory of a run, local or on any Hadoop file system. It is claimed before any work is done, so that
// only one run at a time writes in it, and a file is seen only when it is complete.
package io.firesteel.driver.files

import io.firesteel.{CheckpointStore, FiresteelException, StoredFile}
import io.firesteel.jni.Kind
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.FSError

import java.io.{IOException, OutputStream}
import scala.util.Using

/** All methods throw FiresteelException of kind io with the path. */
final class OutputDir private[files] (storage: Storage, claim: Option[RunClaim], created: Boolean)
    extends AutoCloseable {

  /** The directory, for messages. */
  def location: String = storage.location("")

  /** The path or URI of a file, for messages: a plain path on a local file system. */
  def location(name: String): String = storage.location(name)

  def contains(name: String): Boolean = at(name, "look for")(storage.contains(name))

  /** The file, to be read once and closed; None if it does not exist. */
  def open(name: String): Option[StoredFile] = at(name, "open")(storage.open(name))

  /** The bytes of a small file; None if it does not exist. */
  def read(name: String): Option[Array[Byte]] =
    at(name, "read")(storage.open(name).map(Using.resource(_)(_.in.readAllBytes())))

  /** Replaces or creates the file: readers see either the old or the new one, complete. */
  def write(name: String, bytes: Array[Byte]): Unit = write(name)(_.write(bytes))

  /** The same with what `content` writes; `content` may be called more than once. */
  def write(name: String)(content: OutputStream => Unit): Unit = at(name, "write") {
    confirm()
    storage.replace(name)(content)
  }

  /** Opens a file to append lines. */
  private[driver] def lines(name: String): LineWriter = {
    val out = at(name, "append to") {
      confirm()
      storage.lines(name, () => confirm())
    }
    new LineWriter {
      def write(line: Array[Byte]): Unit = at(name, "write") {
        claim.foreach(_.confirmLease())
        out.write(line)
      }
      def flush(): Unit = at(name, "write")(out.flush())
      def close(): Unit = at(name, "write")(out.close())
    }
  }

  /** Keeps the checkpoint of a run in this directory. */
  val checkpoint: CheckpointStore = new CheckpointStore {
    def load(): Option[StoredFile] = open(OutputDir.Checkpoint)
    def save(content: OutputStream => Unit): Unit = write(OutputDir.Checkpoint)(content)
  }

  /** Deletes a file, if it exists. */
  def remove(name: String): Unit = at(name, "remove") {
    confirm()
    storage.remove(name)
  }

  /** Adds Spark's application id to the claim, for the message to others who try to claim the directory. */
  def belongsTo(application: String): Unit = at("", "claim")(claim.foreach(_.addApplication(application)))

  /** Releases the claim, and deletes the directory if this run made it and left nothing in it. */
  override def close(): Unit = at("", "release") {
    claim.foreach(_.release())
    if (created) storage.removeIfEmpty()
  }

  /** A run that was suspended for long must not write over the files of the run that took over. */
  private def confirm(): Unit = claim.foreach(_.confirm())

  private def at[A](name: String, verb: String)(body: => A): A =
    OutputDir.naming(s"$verb ${storage.location(name)}")(body)
}

object OutputDir {
  val Metrics = "metrics.jsonl"
  val Config = "config.json"
  val Model = "model.safetensors"
  val Preprocessing = "preprocessing.safetensors"
  val Checkpoint = "checkpoint.safetensors"

  /** Opens an existing directory, to read from. */
  def existing(uri: String, conf: Configuration): OutputDir = naming(s"open $uri") {
    new OutputDir(Storage.at(uri, conf), None, created = false)
  }

  /** A directory that does not exist yet and that others make and write. If nothing is in it when this is closed, it is deleted.
    *
    * @throws FiresteelException of kind config if there is anything at `uri`
    */
  def absent(uri: String, conf: Configuration): OutputDir = naming(s"output directory $uri") {
    val storage = Storage.at(uri, conf)
    if (storage.contains(""))
      throw new FiresteelException(Kind.CONFIG, s"output directory $uri exists already: choose another --out")
    new OutputDir(storage, None, created = true)
  }

  /** Creates the directory if it does not exist, and claims it. It is an error if another run has claimed it, or if it
    * has the files of a run and this one is not to `resume` it. The result must be closed.
    *
    * @param submission of [[Submission]]
    */
  def claim(
      uri: String,
      conf: Configuration,
      resume: Boolean,
      submission: Option[String] = None
  ): OutputDir = naming(s"output directory $uri") {
    val storage = Storage.at(uri, conf)
    if (storage.isFile)
      throw new FiresteelException(Kind.CONFIG, s"output directory $uri: not a directory: choose another --out")
    val created = writable(uri, storage)(storage.make())
    val claim =
      try writable(uri, storage)(RunClaim.take(storage, Holder.self(submission)))
      catch {
        case e: Throwable => // whatever it was, the new directory is removed
          if (created) Storage.alsoFailing(e)(storage.removeIfEmpty())
          throw e
      }
    val dir = new OutputDir(storage, Some(claim), created)
    try {
      if (!resume) refuseFinished(dir, uri)
      val names = Seq(Metrics, Config, Model, Preprocessing, Checkpoint)
      names.map(Storage.temporary).foreach(storage.remove) // left by a run that was killed while it wrote
      dir
    } catch {
      case e: Throwable => // whatever it was, the claim is released
        Storage.alsoFailing(e)(dir.close())
        throw e
    }
  }

  /** Runs `body`, which makes the directory or writes the first file in it. */
  private def writable[A](uri: String, storage: Storage)(body: => A): A =
    try body
    catch {
      case e: IOException =>
        val (why, cause) =
          storage.obstacle.fold[(String, Throwable)]("" -> e)(what => s": $what: choose another --out" -> null)
        throw new FiresteelException(Kind.IO, s"output directory $uri cannot be made or written$why", cause)
    }

  private def refuseFinished(dir: OutputDir, uri: String): Unit =
    for (name <- Seq(Metrics, Model, Checkpoint) if dir.contains(name))
      throw new FiresteelException(
        Kind.CONFIG,
        s"output directory $uri already holds a run ($name): continue it with --resume or choose another --out"
      )

  /** Runs `body`, and puts `what` before the message of its failure. Hadoop throws IllegalArgumentException for bad
    * URIs, and an Error if a local disk fails.
    */
  private def naming[A](what: String)(body: => A): A =
    try body
    catch {
      case e: IOException              => throw new FiresteelException(Kind.IO, what, e)
      case e: FSError                  => throw new FiresteelException(Kind.IO, what, e)
      case e: IllegalArgumentException => throw new FiresteelException(Kind.CONFIG, what, e)
    }
}
