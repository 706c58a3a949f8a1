// Where checkpoints live; the loop knows bytes only, the application knows files.
package io.firesteel.train

/** Keeps one checkpoint. `save` replaces the last one atomically: a crash leaves either the old or the new. */
trait CheckpointStore {

  /** The last checkpoint saved, if there is one. */
  def load(): Option[Array[Byte]]

  def save(bytes: Array[Byte]): Unit
}
