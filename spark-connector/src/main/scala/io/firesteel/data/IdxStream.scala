// Reads one idx file as a stream. The header is checked against the file's length before it is used, and every error
// names the path and the byte offset.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import java.io.{BufferedInputStream, Closeable, EOFException, FilterInputStream, IOException, InputStream}
import java.nio.ByteBuffer
import java.util.Locale
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream
import org.slf4j.LoggerFactory
import scala.annotation.nowarn

/** Reads `path` from `file`. If the name ends in .gz, all members of the gzip file are unpacked, and offsets count
  * unpacked bytes. Commons Compress reports garbage after the last member, which the JDK's GZIPInputStream ignores.
  */
private[firesteel] final class IdxStream(path: String, file: InputStream) extends Closeable {
  private val packed = path.endsWith(".gz")
  private var position = 0L
  private val logInterval = new LogInterval(System.nanoTime())
  // the builder that replaces this constructor does not exist in the version that Spark 3.5 has
  @nowarn("cat=deprecation")
  private val in: InputStream = {
    val buffered = new BufferedInputStream(new Source(path, file))
    if (packed) guarded(new GzipCompressorInputStream(buffered, true)) else buffered
  }

  /** Sizes of the dimensions; an error if a file of `length` bytes on disk cannot hold them. */
  def header(rank: Int, length: Long): Seq[Int] = {
    val bytes = ByteBuffer.wrap(skipHeader(rank)) // big-endian, as ByteBuffer is
    val (magic, expected) = (bytes.getInt, 0x800 + rank) // 8: unsigned bytes
    if (magic != expected) fail("magic number 0x%08x at byte 0 is not 0x%08x".formatLocal(Locale.ROOT, magic, expected))
    val sizes = Seq.fill(rank)(bytes.getInt & 0xffffffffL)
    sizes.indexWhere(_ == 0) match {
      case -1   =>
      case axis => fail(s"size 0 of dimension $axis at byte ${4 + 4 * axis}")
    }
    val limit = if (packed) length * IdxStream.DeflateLimit else length
    if (sizes.map(BigInt(_)).product > limit - IdxStream.headerBytes(rank))
      fail(s"the header claims ${sizes.mkString(" x ")} bytes after byte ${position}, the file is too short for them")
    val end = sizes.map(BigInt(_)).product + IdxStream.headerBytes(rank)
    if (!packed && length > end) fail(s"goes on after its last value, at byte $end")
    if (sizes.exists(_ > Int.MaxValue)) fail(s"the header claims ${sizes.mkString(" x ")} bytes, more than supported")
    sizes.map(_.toInt)
  }

  /** Reads past the header, and returns its bytes unchecked. */
  def skipHeader(rank: Int): Array[Byte] = {
    val bytes = new Array[Byte](IdxStream.headerBytes(rank))
    fill(bytes, 0, bytes.length)
    bytes
  }

  /** Reads exactly `length` bytes. */
  def fill(bytes: Array[Byte], offset: Int, length: Int): Unit = {
    val read = guarded(in.readNBytes(bytes, offset, length))
    position += read
    if (logInterval.isDue(System.nanoTime())) IdxStream.log.warn(s"reading goes on: $path: $position bytes so far")
    if (read < length) fail(s"ends at byte $position, in the middle of a record or before one that its header claims")
  }

  /** Passes over these bytes, without reading them where the file is not packed. */
  def skip(bytes: Long): Unit = {
    guarded {
      try in.skipNBytes(bytes)
      catch { case _: EOFException => fail(s"ends before byte ${position + bytes}, which its header claims") }
    }
    position += bytes
  }

  /** Checks that the file ends here. */
  def end(): Unit = if (guarded(in.read()) >= 0) fail(s"goes on after its last value, at byte $position")

  def close(): Unit = in.close()

  private def guarded[A](read: => A): A =
    try read
    catch {
      case e: IOException => // of the gzip format: failures to read the file are FiresteelExceptions
        val reason =
          Option(e.getMessage).map(_.stripSuffix(".")).filter(_.nonEmpty).fold("ends too soon")(IdxStream.lower)
        throw new FiresteelException(Kind.DATA, s"$path: broken gzip after byte $position: $reason")
    }

  private def fail(what: String): Nothing = throw new FiresteelException(Kind.DATA, s"$path: $what")
}

/** The file as it is on disk. Its read errors become FiresteelExceptions, so that they are not taken for broken gzip.
  */
private final class Source(path: String, file: InputStream) extends FilterInputStream(file) {
  override def read(): Int = ReadFailure.told(path)(super.read())
  override def read(bytes: Array[Byte], offset: Int, length: Int): Int =
    ReadFailure.told(path)(super.read(bytes, offset, length))
  override def skip(bytes: Long): Long = ReadFailure.told(path)(super.skip(bytes))
}

/** Decides when to log that a long read continues; times are System.nanoTime's. */
private[data] final class LogInterval(start: Long) {
  private var last = start

  /** Whether ten seconds have passed since this was last true. */
  def isDue(now: Long): Boolean = {
    val due = now - last >= LogInterval.Nanos
    if (due) last = now
    due
  }
}

private object LogInterval {
  val Nanos = 10000000000L
}

private[firesteel] object IdxStream {
  private val log = LoggerFactory.getLogger(classOf[IdxStream])

  private def lower(text: String): String = s"${text.head.toLower}${text.tail}"

  private val DeflateLimit = 1032L // the most bytes that one byte of deflate's output can stand for

  /** Length of the header: the magic number, then a size of 4 bytes for each dimension. */
  def headerBytes(rank: Int): Int = 4 + 4 * rank
}
