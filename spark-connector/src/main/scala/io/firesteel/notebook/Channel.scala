// What the kernel's Python process and this one say to each other: JSON text sequences (RFC 7464) on standard output. Lines that
// do not begin with their mark, such as native code prints, are output of the cell.
package io.firesteel.notebook

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.Json

import java.io.{ByteArrayOutputStream, OutputStream, PrintStream}
import java.nio.charset.{CodingErrorAction, StandardCharsets}
import java.nio.{ByteBuffer, CharBuffer}
import java.util.concurrent.{Executors, TimeUnit}

/** Sends messages, from any thread. */
private[notebook] final class Channel(out: OutputStream) {

  /** What a program prints, as messages of kind `stream`. */
  val stdout: Printed = new Printed("stdout", this)
  val stderr: Printed = new Printed("stderr", this)

  private val timer = Executors.newSingleThreadScheduledExecutor { task =>
    val thread = new Thread(task, "notebook output")
    thread.setDaemon(true)
    thread
  }
  timer.scheduleWithFixedDelay(() => flush(), Printed.Millis, Printed.Millis, TimeUnit.MILLISECONDS)

  def send(kind: String, fields: (String, JsonNode)*): Unit = {
    val message = Channel.node(("type" -> Channel.text(kind)) +: fields: _*)
    val bytes = Json.mapper.writeValueAsBytes(message)
    synchronized {
      out.write(Channel.Mark)
      out.write(bytes)
      out.write('\n')
      out.flush()
    }
  }

  /** Sends what was printed so far. */
  def flush(): Unit = {
    stdout.send()
    stderr.send()
  }
}

private[notebook] object Channel {
  private val Mark = 0x1e // RFC 7464's record separator

  def text(value: String): JsonNode = Json.mapper.getNodeFactory.textNode(value)
  def number(value: Long): JsonNode = Json.mapper.getNodeFactory.numberNode(value)
  def flag(value: Boolean): JsonNode = Json.mapper.getNodeFactory.booleanNode(value)
  def texts(values: Seq[String]): JsonNode = {
    val array = Json.mapper.createArrayNode()
    values.foreach(array.add)
    array
  }
  def node(fields: (String, JsonNode)*): ObjectNode = {
    val node = Json.mapper.createObjectNode()
    fields.foreach { case (name, value) => node.set[JsonNode](name, value) }
    node
  }
}

/** Bytes that a program prints. They are sent a few times a second, for a notebook shows a message for each line slowly. */
private[notebook] final class Printed(name: String, channel: Channel) extends OutputStream {
  private val waiting = new ByteArrayOutputStream
  private val decoder = StandardCharsets.UTF_8.newDecoder
    .onMalformedInput(CodingErrorAction.REPLACE)
    .onUnmappableCharacter(CodingErrorAction.REPLACE)

  val printer: PrintStream = new PrintStream(this, false, StandardCharsets.UTF_8)

  override def write(byte: Int): Unit = write(Array(byte.toByte), 0, 1)

  override def write(bytes: Array[Byte], from: Int, length: Int): Unit = {
    val full = synchronized {
      waiting.write(bytes, from, length)
      waiting.size > Printed.Most
    }
    if (full) send()
  }

  /** Sends what there is, except the first bytes of a character whose others have not been printed yet. */
  private[notebook] def send(): Unit = synchronized {
    if (waiting.size > 0) {
      val bytes = ByteBuffer.wrap(waiting.toByteArray)
      val chars = CharBuffer.allocate(bytes.remaining)
      decoder.reset().decode(bytes, chars, false)
      waiting.reset()
      waiting.write(bytes.array, bytes.position(), bytes.remaining)
      val text = chars.flip().toString
      if (text.nonEmpty) channel.send("stream", "name" -> Channel.text(name), "text" -> Channel.text(text))
    }
  }
}

private[notebook] object Printed {
  val Millis = 50L // between two looks
  private val Most = 1 << 16 // bytes that wait for the next look
}
