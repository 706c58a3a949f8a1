// The output directory of a run, local or on any Hadoop file system: claimed before any work is done, so that one run
// at a time writes in it, and whole files only ever appear complete.
package io.firesteel.driver.files

import io.firesteel.{CheckpointStore, FiresteelException, StoredFile}
import io.firesteel.jni.Kind
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.FSError

import java.io.{IOException, OutputStream}
import scala.util.Using

/** A directory; every method's failure is a FiresteelException of kind io that names the path. */
final class OutputDir private (storage: Storage, claim: Option[RunClaim], created: Boolean) extends AutoCloseable {

  /** The directory as a person would write it. */
  def location: String = storage.location("")

  /** Where `name` is, as a person would write it: a plain path on a local file system. */
  def location(name: String): String = storage.location(name)

  def contains(name: String): Boolean = at(name, "look for")(storage.contains(name))

  /** The file, to be read once and closed; None where there is none. */
  def open(name: String): Option[StoredFile] = at(name, "open")(storage.open(name))

  /** The bytes of a small file, None where there is none. */
  def read(name: String): Option[Array[Byte]] =
    at(name, "read")(storage.open(name).map(Using.resource(_)(_.in.readAllBytes())))

  /** Puts `bytes` in place of the file, if there is one: readers see the old or the new one, whole. */
  def write(name: String, bytes: Array[Byte]): Unit = write(name)(_.write(bytes))

  /** Puts what `content` writes in place of the file; `content` may be called again. */
  def write(name: String)(content: OutputStream => Unit): Unit = at(name, "write") {
    confirm()
    storage.replace(name)(content)
  }

  /** Opens a file for lines after those that it holds. */
  private[driver] def lines(name: String): LineWriter = {
    val out = at(name, "append to")(storage.lines(name, () => confirm()))
    new LineWriter {
      def write(line: Array[Byte]): Unit = at(name, "write")(out.write(line))
      def flush(): Unit = at(name, "write")(out.flush())
      def close(): Unit = at(name, "write")(out.close())
    }
  }

  /** Keeps the checkpoint of a run in this directory. */
  val checkpoint: CheckpointStore = new CheckpointStore {
    def load(): Option[StoredFile] = open(OutputDir.Checkpoint)
    def save(content: OutputStream => Unit): Unit = write(OutputDir.Checkpoint)(content)
  }

  /** Takes a file away, if it is there. */
  def remove(name: String): Unit = at(name, "remove") {
    confirm()
    storage.remove(name)
  }

  /** Tells those who ask who holds the directory Spark's name for the run. */
  def belongsTo(application: String): Unit = at("", "claim")(claim.foreach(_.tell(application)))

  /** Gives the claim back, and the directory if this run made it and left nothing in it. */
  override def close(): Unit = at("", "release") {
    claim.foreach(_.release())
    if (created) storage.removeIfEmpty()
  }

  /** A run that was suspended for long must not touch its successor's files. */
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

  /** Opens a directory that must be there already, to read from. */
  def existing(uri: String, conf: Configuration): OutputDir = naming(s"open $uri") {
    new OutputDir(Storage.at(uri, conf), None, created = false)
  }

  /** Makes the directory where there is none, and claims it. A directory that another run holds is refused, and one
    * that holds the files of a run unless this is to `resume` it. What is claimed must be closed.
    */
  def claim(uri: String, conf: Configuration, resume: Boolean): OutputDir = naming(s"output directory $uri") {
    val storage = Storage.at(uri, conf)
    if (storage.isFile) throw new FiresteelException(Kind.CONFIG, s"output directory $uri: not a directory")
    val created = storage.make()
    val claim =
      try RunClaim.take(storage)
      catch {
        case e: Throwable => // whatever it was, a directory that is in nobody's way stays no longer
          if (created) Storage.alsoFailing(e)(storage.removeIfEmpty())
          throw e
      }
    val dir = new OutputDir(storage, Some(claim), created)
    try {
      if (!resume) refuseFinished(dir, uri)
      val whole = Seq(Metrics, Config, Model, Preprocessing, Checkpoint)
      whole.map(Storage.temporary).foreach(storage.remove) // of a run that was killed while it wrote
      dir
    } catch {
      case e: Throwable => // whatever it was, the claim goes
        Storage.alsoFailing(e)(dir.close())
        throw e
    }
  }

  private def refuseFinished(dir: OutputDir, uri: String): Unit =
    for (name <- Seq(Metrics, Model, Checkpoint) if dir.contains(name))
      throw new FiresteelException(
        Kind.CONFIG,
        s"output directory $uri already holds a run ($name): continue it with --resume or choose another --out"
      )

  /** Runs `body`; what goes wrong in it is told under `what`. Hadoop throws IllegalArgumentException for bad URIs, and an
    * Error where a local disk fails.
    */
  private def naming[A](what: String)(body: => A): A =
    try body
    catch {
      case e: IOException              => throw new FiresteelException(Kind.IO, what, e)
      case e: FSError                  => throw new FiresteelException(Kind.IO, what, e)
      case e: IllegalArgumentException => throw new FiresteelException(Kind.CONFIG, what, e)
    }
}
