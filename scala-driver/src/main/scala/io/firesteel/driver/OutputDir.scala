// The output directory of a run, local or on any Hadoop file system: claimed before any work is done, and whole files
// only ever appear complete. Local files go past Hadoop's checksum layer, which would leave .crc files beside them.
package io.firesteel.driver

import io.firesteel.jni.Kind
import io.firesteel.train.{CheckpointStore, FiresteelException}
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FSDataOutputStream, FileContext, FileSystem, LocalFileSystem, Options, Path}
import org.apache.hadoop.fs.UnsupportedFileSystemException

import java.io.IOException

/** A directory; every method's failure is a FiresteelException of kind io that names the path. */
final class OutputDir private (fs: FileSystem, root: Path, created: Boolean) {

  /** The directory as a person would write it. */
  def location: String = OutputDir.plain(root)

  /** Where `name` is, as a person would write it: a plain path on a local file system. */
  def location(name: String): String = OutputDir.plain(new Path(root, name))

  def contains(name: String): Boolean = at(name, "look for")(fs.exists)

  /** The bytes of a file, None where there is none. */
  def read(name: String): Option[Array[Byte]] = at(name, "read") { path =>
    Option.when(fs.exists(path)) {
      val length = fs.getFileStatus(path).getLen
      if (length > OutputDir.MaxBytes) throw new IOException(s"$length bytes, more than ${OutputDir.MaxBytes}")
      val bytes = new Array[Byte](length.toInt)
      val in = fs.open(path)
      try in.readFully(0, bytes)
      finally in.close()
      bytes
    }
  }

  /** Puts `bytes` in place of the file, if there is one: readers see the old or the new one, whole. */
  def write(name: String, bytes: Array[Byte]): Unit = at(name, "write") { path =>
    val temporary = new Path(root, s".$name.tmp")
    try {
      val out = fs.create(temporary, true)
      try out.write(bytes)
      finally out.close()
      replace(temporary, path)
    } catch {
      case e: IOException =>
        fs.delete(temporary, false)
        throw e
    }
  }

  /** Opens a file for appending, after what it holds; a file system that cannot append gets it written anew. */
  def append(name: String): FSDataOutputStream = at(name, "append to") { path =>
    if (!fs.exists(path)) fs.create(path)
    else
      try fs.append(path)
      catch {
        case _: UnsupportedOperationException => // object stores
          val kept = read(name).getOrElse(Array.emptyByteArray)
          val out = fs.create(path, true)
          out.write(kept)
          out
      }
  }

  /** Keeps the checkpoint of a run in this directory. */
  val checkpoint: CheckpointStore = new CheckpointStore {
    def load(): Option[Array[Byte]] = read(OutputDir.Checkpoint)
    def save(bytes: Array[Byte]): Unit = write(OutputDir.Checkpoint, bytes)
  }

  /** Takes a file away, if it is there. */
  def remove(name: String): Unit = at(name, "remove")(path => if (fs.exists(path)) fs.delete(path, false))

  /** Takes the directory away again if this run made it and left nothing in it. */
  def releaseIfEmpty(): Unit = at("", "remove") { _ =>
    if (created && fs.exists(root) && fs.listStatus(root).isEmpty) fs.delete(root, false)
  }

  private def replace(temporary: Path, path: Path): Unit =
    if (OutputDir.isLocal(fs)) move(temporary, path) // rename(2) replaces
    else
      try FileContext.getFileContext(path.toUri, fs.getConf).rename(temporary, path, Options.Rename.OVERWRITE)
      catch {
        case _: UnsupportedFileSystemException => // a FileSystem without its AbstractFileSystem cannot replace in one go
          fs.delete(path, false)
          move(temporary, path)
      }

  private def move(from: Path, to: Path): Unit =
    if (!fs.rename(from, to)) throw new IOException(s"cannot rename ${OutputDir.plain(from)}")

  private def at[A](name: String, verb: String)(body: Path => A): A = {
    val path = if (name.isEmpty) root else new Path(root, name)
    OutputDir.naming(s"$verb ${OutputDir.plain(path)}")(body(path))
  }
}

object OutputDir {
  val Metrics = "metrics.jsonl"
  val Config = "config.json"
  val Model = "model.safetensors"
  val Preprocessing = "preprocessing.safetensors"
  val Checkpoint = "checkpoint.safetensors"

  private val MaxBytes = Int.MaxValue - 8 // the largest array of a JVM

  /** Opens a directory that must be there already, to read from. */
  def existing(uri: String, conf: Configuration): OutputDir = naming(s"open $uri") {
    val (fs, root) = resolve(uri, conf)
    new OutputDir(fs, root, created = false)
  }

  /** Makes the directory where there is none and checks that files can be written in it. A directory that holds a run is
    * refused unless this is to `resume` it.
    */
  def claim(uri: String, conf: Configuration, resume: Boolean): OutputDir = naming(s"output directory $uri") {
    val (fs, root) = resolve(uri, conf)
    val there = fs.exists(root)
    if (there && !fs.getFileStatus(root).isDirectory)
      throw new FiresteelException(Kind.CONFIG, s"output directory $uri: not a directory")
    val dir = new OutputDir(fs, root, created = !there)
    if (!resume)
      for (name <- Seq(Metrics, Model, Checkpoint) if dir.contains(name))
        throw new FiresteelException(
          Kind.CONFIG,
          s"output directory $uri already holds a run ($name): continue it with --resume or choose another --out"
        )
    if (!there && !fs.mkdirs(root)) throw new IOException("cannot be created")
    probe(fs, root)
    dir
  }

  /** A directory that exists may still be read-only. */
  private def probe(fs: FileSystem, root: Path): Unit = {
    val path = new Path(root, ".firesteel.probe")
    fs.create(path, true).close()
    fs.delete(path, false)
  }

  private def resolve(uri: String, conf: Configuration): (FileSystem, Path) = {
    val path = new Path(uri)
    path.getFileSystem(conf) match {
      case local: LocalFileSystem => (local.getRaw, local.makeQualified(path))
      case other                  => (other, other.makeQualified(path))
    }
  }

  private def isLocal(fs: FileSystem): Boolean = fs.getUri.getScheme == "file"

  private def plain(path: Path): String = if (path.toUri.getScheme == "file") path.toUri.getPath else path.toString

  /** Runs `body`; what goes wrong in it is told under `what`. Hadoop throws IllegalArgumentException for bad URIs. */
  private def naming[A](what: String)(body: => A): A =
    try body
    catch {
      case e: IOException              => throw new FiresteelException(Kind.IO, what, e)
      case e: IllegalArgumentException => throw new FiresteelException(Kind.CONFIG, what, e)
    }
}
