// Hands chunks of records to native code through one direct buffer, which grows to the largest of them.
package io.firesteel.train.workers

import io.firesteel.data.RecordFormat
import java.nio.{ByteBuffer, ByteOrder}

private[train] object DirectChunks {

  /** Calls `append` for every chunk with a buffer that has its records, and with their number. */
  def each(chunks: Iterator[Array[Byte]], format: RecordFormat)(append: (ByteBuffer, Int) => Unit): Unit = {
    var buffer = ByteBuffer.allocateDirect(0)
    chunks.foreach { chunk =>
      if (buffer.capacity < chunk.length)
        buffer = ByteBuffer.allocateDirect(chunk.length).order(ByteOrder.LITTLE_ENDIAN)
      buffer.clear().put(chunk).flip()
      append(buffer, format.rows(chunk))
    }
  }
}
