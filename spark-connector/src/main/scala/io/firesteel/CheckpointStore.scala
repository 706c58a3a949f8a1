// Where checkpoints are kept. Training writes and reads streams; the application decides on files.
package io.firesteel

import java.io.{ByteArrayInputStream, InputStream, OutputStream}

/** A file that is read once, from its start. The caller who received it closes it.
  *
  * @param name what messages call it
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

/** Keeps one checkpoint. `save` replaces it atomically: after a crash either the old or the new one is there. */
trait CheckpointStore {

  /** The last checkpoint saved, if there is one. */
  def load(): Option[StoredFile]

  /** Replaces the last checkpoint by what `write` writes; if `write` throws, the last one stays. A store that retries
    * calls `write` again.
    */
  def save(write: OutputStream => Unit): Unit
}
