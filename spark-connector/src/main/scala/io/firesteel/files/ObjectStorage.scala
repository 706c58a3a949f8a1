// A directory of an object store such as S3. A file appears once it is completely written, so it is written under its
// own name; a rename would be a copy, and not atomic. Appending is impossible: lines are collected in a local file,
// which is uploaded now and then.
package io.firesteel.files

import java.io.{BufferedOutputStream, FileOutputStream, OutputStream}
import java.nio.file.Files
import java.util.concurrent.TimeUnit.SECONDS
import org.apache.hadoop.fs.{CommonPathCapabilities, FSDataOutputStream, FileSystem, Path}
import scala.language.existentials // the type of Hadoop's builders
import scala.util.Using

/** @param clock nanoseconds */
private[firesteel] final class ObjectStorage(fs: FileSystem, root: Path, clock: () => Long = () => System.nanoTime())
    extends HadoopStorage(fs, root, Retry.none) { // the clients of object stores retry by themselves

  override def replace(name: String)(write: OutputStream => Unit): Unit = put(fs.create(file(name), true))(write)

  override def atomic: Boolean = fs.hasPathCapability(root, ObjectStorage.Conditional)

  override protected def makeNew(name: String, bytes: Array[Byte]): Unit = {
    val builder = fs.createFile(file(name)).overwrite(false)
    if (atomic) builder.must(ObjectStorage.Conditional, true)
    put(builder.build())(_.write(bytes))
  }

  override def lines(name: String, allowed: () => Unit): LineWriter = new LineWriter {
    private val spool = Files.createTempFile("firesteel", ".jsonl")
    private val out = new FileOutputStream(spool.toFile)
    private var pending = false
    private var due = 0L // nanoseconds of the clock
    open(name).foreach(Using.resource(_)(_.in.transferTo(out)))

    def write(line: Array[Byte]): Unit = {
      out.write(line)
      if (!pending && due == 0) due = clock() + ObjectStorage.LeastInterval
      pending = true
      if (clock() - due >= 0) flush()
    }

    def flush(): Unit = if (pending) {
      allowed()
      val begin = clock()
      replace(name)(Files.copy(spool, _))
      pending = false
      // a large file is uploaded less often, so that uploads take at most a tenth of the time
      due = clock() + math.max(ObjectStorage.LeastInterval, 10 * (clock() - begin))
    }

    def close(): Unit =
      try flush()
      finally {
        out.close()
        Files.deleteIfExists(spool)
      }
  }

  /** Writes an object. After a failure it must not be closed, which would make the incomplete object appear. */
  private def put(out: FSDataOutputStream)(write: OutputStream => Unit): Unit = {
    try {
      val buffered = new BufferedOutputStream(out, 1 << 16)
      write(buffered)
      buffered.flush()
    } catch {
      case e: Throwable => // whatever it was
        if (out.hasCapability(CommonPathCapabilities.ABORTABLE_STREAM)) Storage.alsoFailing(e)(out.abort())
        throw e
    }
    out.close()
  }
}

private[firesteel] object ObjectStorage {

  /** Hadoop 3.4.2's `Options.CreateFileOptionKeys.FS_OPTION_CREATE_CONDITIONAL_OVERWRITE`: S3's `If-None-Match: *`. */
  private val Conditional = "fs.option.create.conditional.overwrite"

  private val LeastInterval = SECONDS.toNanos(10)
}
