// Who holds an output directory: a process, by the machine it runs on, its number and when it began. Of a process of
// the same machine one can tell whether it still runs; of another's only whether it goes on renewing its claim.
package io.firesteel.driver.files

import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.databind.ObjectMapper

import java.io.IOException
import java.net.InetAddress
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.time.Instant
import java.time.temporal.ChronoUnit.SECONDS
import java.util.UUID

/** @param id of this run alone
  * @param machine its boot and its process namespace: two machines of one name, and two containers, differ
  * @param begun when the process began, in clock ticks since the machine's boot
  * @param time when the directory was claimed
  * @param application Spark's name for it, once there is one
  */
private[driver] final case class Holder(
    id: String,
    host: String,
    machine: String,
    pid: Long,
    begun: Long,
    time: String,
    application: Option[String]
) {
  def json: Array[Byte] = {
    val node = JsonNodeFactory.instance.objectNode().put("id", id).put("host", host).put("machine", machine)
    node.put("pid", pid).put("begun", begun).put("time", time)
    application.foreach(node.put("application", _))
    s"$node\n".getBytes(UTF_8)
  }

  /** As a person would say it. */
  def words: String = {
    val spark = application.fold("")(id => s", Spark application $id")
    s"the run of process $pid on $host$spark, begun $time"
  }

  def isOfThisMachine: Boolean = machine == Holder.thisMachine

  /** Whether the process still runs; only of one of this machine. */
  def runs: Boolean = Holder.begun(pid).contains(begun)
}

private[driver] object Holder {

  /** This process, for a new run. */
  def self(): Holder = {
    val pid = ProcessHandle.current.pid
    val time = Instant.now().truncatedTo(SECONDS).toString
    Holder(UUID.randomUUID.toString, hostName, thisMachine, pid, begun(pid).getOrElse(0), time, None)
  }

  /** None where the bytes are no holder's: of a claim that is just being written, or whose writing was cut. */
  def parse(bytes: Array[Byte]): Option[Holder] =
    try {
      val node = new ObjectMapper().readTree(bytes)
      def text(key: String) = Option(node.get(key)).filter(_.isTextual).map(_.asText)
      def whole(key: String) = Option(node.get(key)).filter(_.isIntegralNumber).map(_.asLong)
      for {
        id <- text("id")
        host <- text("host")
        machine <- text("machine")
        pid <- whole("pid")
        begun <- whole("begun")
        time <- text("time")
      } yield Holder(id, host, machine, pid, begun, time, text("application"))
    } catch { case _: JsonProcessingException => None }

  private lazy val thisMachine: String =
    try {
      val boot = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).trim
      s"$boot ${Files.readSymbolicLink(Path.of("/proc/self/ns/pid"))}"
    } catch { case _: IOException => UUID.randomUUID.toString } // no /proc: nobody's machine is known to be this one

  private lazy val hostName: String =
    try InetAddress.getLocalHost.getHostName
    catch { case _: IOException => "an unnamed host" }

  /** proc(5): field 22 of the process's stat; its name, which may hold anything, ends with the last parenthesis. */
  private def begun(pid: Long): Option[Long] =
    try {
      val stat = Files.readString(Path.of(s"/proc/$pid/stat"))
      val fields = stat.drop(stat.lastIndexOf(')') + 2).split(' ') // from field 3, the state, on
      Option.unless(fields.head == "Z" || fields.head == "X")(fields(19).toLong) // a zombie holds nothing
    } catch { case _: IOException => None }
}
