// The process that has claimed an output directory: its machine, its process id and when it began. Whether a process of
// this machine still runs can be looked up; one of another machine is only known by the renewals of its claim.
package io.firesteel.files

import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.node.JsonNodeFactory
import java.io.IOException
import java.net.InetAddress
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.time.Instant
import java.time.temporal.ChronoUnit.SECONDS
import java.util.UUID

/** @param id unique for each run
  * @param machine boot id and process namespace, which differ even for machines of the same name and for containers
  * @param begun start of the process in clock ticks since boot: process ids are reused
  * @param time when the directory was claimed
  * @param application Spark's application id, once it is known
  * @param submission of [[Submission]], where it is known
  */
private[firesteel] final case class Holder(
    id: String,
    host: String,
    machine: String,
    pid: Long,
    begun: Long,
    time: String,
    application: Option[String],
    submission: Option[String] = None
) {
  def json: Array[Byte] = {
    val node = JsonNodeFactory.instance.objectNode().put("id", id).put("host", host).put("machine", machine)
    node.put("pid", pid).put("begun", begun).put("time", time)
    application.foreach(node.put("application", _))
    submission.foreach(node.put("submission", _))
    s"$node\n".getBytes(UTF_8)
  }

  /** For messages. */
  def description: String = {
    val spark = application.fold("")(id => s", Spark application $id")
    s"the run of process $pid on $host$spark, begun $time"
  }

  /** Whether `other` is an attempt of the same submission. */
  def isAttemptWith(other: Holder): Boolean = submission.nonEmpty && submission == other.submission

  def isOfThisMachine: Boolean = machine == Holder.thisMachine

  /** Whether the process still runs; only if it is of this machine. */
  def runs: Boolean = Holder.begun(pid).contains(begun)
}

private[firesteel] object Holder {

  /** This process, for a new run. */
  def self(submission: Option[String] = None): Holder = {
    val pid = ProcessHandle.current.pid
    val time = Instant.now().truncatedTo(SECONDS).toString
    Holder(UUID.randomUUID.toString, hostName, thisMachine, pid, begun(pid).getOrElse(0), time, None, submission)
  }

  /** None if the bytes are incomplete: the claim is being written, or its writer was killed. */
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
      } yield Holder(id, host, machine, pid, begun, time, text("application"), text("submission"))
    } catch { case _: JsonProcessingException => None }

  private lazy val thisMachine: String =
    try {
      val boot = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).trim
      s"$boot ${Files.readSymbolicLink(Path.of("/proc/self/ns/pid"))}"
    } catch { case _: IOException => UUID.randomUUID.toString } // without /proc every machine is taken for another one

  private lazy val hostName: String =
    try InetAddress.getLocalHost.getHostName
    catch { case _: IOException => "an unnamed host" }

  /** proc(5): field 22 of the process's stat; its name, which may hold anything, ends with the last parenthesis. */
  private def begun(pid: Long): Option[Long] =
    try {
      val stat = Files.readString(Path.of(s"/proc/$pid/stat"))
      val fields = stat.drop(stat.lastIndexOf(')') + 2).split(' ') // from field 3, the state, on
      Option.unless(fields.head == "Z" || fields.head == "X")(fields(19).toLong) // a zombie process has ended
    } catch { case _: IOException => None }
}
