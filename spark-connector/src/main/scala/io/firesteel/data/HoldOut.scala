// Which training files become validation files where a data set has none of its own.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import java.nio.ByteBuffer
import java.nio.charset.StandardCharsets.UTF_8
import java.security.MessageDigest

/** Takes about `fraction` of the files. Whether a file is taken depends on its name and the seed only, not on the other
  * files, so that files which are added later move none from one set to the other.
  */
private[firesteel] final case class HoldOut(fraction: Double, seed: Long) {
  if (!(fraction > 0 && fraction < 1))
    throw new FiresteelException(Kind.CONFIG, s"validation is $fraction, not a fraction between 0 and 1")

  /** Whether the file of this path below the folder of the classes is taken: SHA-256 of the seed (8 bytes, big-endian) and
    * the name in UTF-8, whose first 53 bits are a number in [0, 1) that is below `fraction`.
    */
  def takes(name: String): Boolean = {
    val text = name.getBytes(UTF_8)
    val hashed =
      MessageDigest.getInstance("SHA-256").digest(ByteBuffer.allocate(8 + text.length).putLong(seed).put(text).array)
    (ByteBuffer.wrap(hashed).getLong >>> 11) * HoldOut.Unit < fraction
  }
}

private[firesteel] object HoldOut {
  private val Unit = 1.0 / (1L << 53)

  /** For a data set whose training rows cannot be divided. */
  def refuse(dataset: String, holdOut: Option[HoldOut]): Unit = if (holdOut.nonEmpty)
    throw new FiresteelException(
      Kind.CONFIG,
      s"$dataset has no validation rows: only class folders of images are divided by a fraction"
    )
}
