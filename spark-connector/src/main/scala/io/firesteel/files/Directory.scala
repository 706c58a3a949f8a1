// A directory on this machine or on any Hadoop file system, in which a file is seen only when it is complete. Whoever
// writes in it claims it before any work is done, so that only one run at a time does.
package io.firesteel.files

import io.firesteel.{CheckpointStore, FiresteelException, StoredFile, Uninterrupted}
import io.firesteel.jni.Kind
import java.io.{IOException, OutputStream}
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.FSError
import scala.util.Using

/** What a directory is claimed for.
  *
  * @param name what messages call it, as `output directory`
  * @param remedy what they advise where it cannot be had, as `choose another --out`
  * @param files names of the files that are written in it
  * @param own whether nobody else knows of it, so that it goes when it is given back empty, whoever made it
  */
private[firesteel] final case class Purpose(name: String, remedy: String, files: Seq[String], own: Boolean = false)

/** All methods throw FiresteelException of kind io with the path.
  *
  * @param claim of whoever writes in it; none if it is only read
  * @param passing whether it is deleted if nothing is left in it
  */
private[firesteel] final class Directory(storage: Storage, claim: Option[RunClaim], passing: Boolean)
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
  def lines(name: String): LineWriter = {
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

  /** Keeps a checkpoint in the file `name`. */
  def store(name: String): CheckpointStore = new CheckpointStore {
    def load(): Option[StoredFile] = open(name)
    def save(content: OutputStream => Unit): Unit = write(name)(content)
  }

  /** Deletes a file, if it exists. */
  def remove(name: String): Unit = at(name, "remove") {
    confirm()
    storage.remove(name)
  }

  /** Adds Spark's application id to the claim, for the message to others who try to claim the directory. */
  def belongsTo(application: String): Unit = at("", "claim")(claim.foreach(_.addApplication(application)))

  /** Runs `body`; if that fails, this is closed. */
  def orClose[A](body: => A): A =
    try body
    catch {
      case e: Throwable => // whatever it was, the claim is released
        Storage.alsoFailing(e)(close())
        throw e
    }

  /** Releases the claim, also in a thread that is interrupted, and deletes the directory if that was said of it. */
  override def close(): Unit = at("", "release")(Uninterrupted {
    claim.foreach(_.release())
    if (passing) storage.removeIfEmpty()
  })

  /** A run that was suspended for long must not write over the files of the run that took over. */
  private def confirm(): Unit = claim.foreach(_.confirm())

  private def at[A](name: String, verb: String)(body: => A): A =
    Directory.naming(s"$verb ${storage.location(name)}")(body)
}

private[firesteel] object Directory {

  /** Opens an existing directory, to read from. */
  def existing(uri: String, conf: Configuration): Directory = naming(s"open $uri") {
    new Directory(Storage.at(uri, conf), None, passing = false)
  }

  /** A directory in which anybody may make files of names that nobody else uses; made if it does not exist. */
  def shared(uri: String, conf: Configuration): Directory = naming(s"make $uri") {
    val storage = Storage.at(uri, conf)
    if (storage.isFile) throw new FiresteelException(Kind.CONFIG, s"$uri: not a directory: choose another")
    storage.make()
    new Directory(storage, None, passing = false)
  }

  /** A directory that does not exist yet and that others make and write. If nothing is in it when this is closed, it is
    * deleted.
    *
    * @throws FiresteelException of kind config if there is anything at `uri`
    */
  def absent(uri: String, conf: Configuration, purpose: Purpose): Directory = naming(s"${purpose.name} $uri") {
    val storage = Storage.at(uri, conf)
    if (storage.contains(""))
      throw new FiresteelException(Kind.CONFIG, s"${purpose.name} $uri exists already: ${purpose.remedy}")
    new Directory(storage, None, passing = true)
  }

  /** Creates the directory if it does not exist, and claims it; what a run that was killed while it wrote has left of a
    * file of the purpose is removed. The result must be closed, which deletes a directory that this made, or that is
    * Firesteel's own, if it is empty.
    *
    * @param submission of [[Submission]]
    * @throws FiresteelException of kind config if another run has claimed it, or if it is a file
    */
  def claim(uri: String, conf: Configuration, purpose: Purpose, submission: Option[String] = None): Directory =
    naming(s"${purpose.name} $uri") {
      val storage = Storage.at(uri, conf)
      if (storage.isFile)
        throw new FiresteelException(Kind.CONFIG, s"${purpose.name} $uri: not a directory: ${purpose.remedy}")
      val made = writable(uri, storage, purpose)(storage.make())
      val claim =
        try writable(uri, storage, purpose)(RunClaim.take(storage, purpose, Holder.self(submission)))
        catch {
          case e: Throwable => // whatever it was, the new directory is removed
            if (made) Storage.alsoFailing(e)(storage.removeIfEmpty())
            throw e
        }
      val directory = new Directory(storage, Some(claim), passing = made || purpose.own)
      directory.orClose {
        purpose.files.map(Storage.temporary).foreach(storage.remove)
        directory
      }
    }

  /** Runs `body`, which makes the directory or writes the first file in it. */
  private def writable[A](uri: String, storage: Storage, purpose: Purpose)(body: => A): A =
    try body
    catch {
      case e: IOException =>
        val (why, cause) =
          storage.obstacle.fold[(String, Throwable)]("" -> e)(what => s": $what: ${purpose.remedy}" -> null)
        throw new FiresteelException(Kind.IO, s"${purpose.name} $uri cannot be made or written$why", cause)
    }

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
