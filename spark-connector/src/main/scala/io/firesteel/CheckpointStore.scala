// Where checkpoints live; the loop knows streams only, the application knows files.
package io.firesteel

import java.io.{ByteArrayInputStream, InputStream, OutputStream}

/** A file that is read once, from its start; whoever asked for it closes it.
  *
  * @param name as messages call it
  * @param length in bytes
  */
final class StoredFile(val name: String, val length: Long, val in: InputStream) extends AutoCloseable {
  override def close(): Unit = in.close()
}

object StoredFile {

  /** A file that is in memory already. */
  def of(name: String, bytes: Array[Byte]): StoredFile =
    new StoredFile(name, bytes.length.toLong, new ByteArrayInputStream(bytes))
}

/** Keeps one checkpoint. `save` replaces the last one atomically: a crash leaves either the old or the new. */
trait CheckpointStore {

  /** The last checkpoint saved, if there is one. */
  def load(): Option[StoredFile]

  /** Puts what `write` writes in place of the last checkpoint, which stays when `write` throws. A store that tries again
    * calls `write` again.
    */
  def save(write: OutputStream => Unit): Unit
}
