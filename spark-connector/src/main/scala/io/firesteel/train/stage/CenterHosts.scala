// With `exchangers` N, the center is divided into N parts, and executors serve one each to the workers; the budget and
// the workers' clocks stay on the driver. A part whose executor is lost is hosted by another, from the driver's last
// copy.
package io.firesteel.train.stage

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.Json
import io.firesteel.jni.{Exchanger, NativeException}
import io.firesteel.tensors.PackedVector
import io.firesteel.train.placement.OnePerPartition
import io.firesteel.train.run.Plan
import io.firesteel.train.workers.NativeLibrary
import org.apache.spark.firesteel.ExecutorHost
import org.apache.spark.SparkContext
import org.slf4j.LoggerFactory

/** The executors that host the center of `run`. With `exchangers` 0 there are none: the driver's exchanger holds it
  * all.
  *
  * @param initial the center at the start
  */
private[train] final class CenterHosts(
    sc: SparkContext,
    exchanger: Exchanger,
    plan: Plan,
    run: String,
    initial: PackedVector
) {
  private val parts = plan.config.exchangers
  private val servers = new Array[JsonNode](parts)
  @volatile private var copy = initial // the center as it was read last
  private var nextCopy = System.nanoTime() // when to read it again

  /** Makes sure that every part has a host that answers. The job's thread calls it before each stage, while no worker
    * runs: with a synchronous strategy one lost part takes all of them back to the last copy.
    */
  def ensure(): Unit = if (parts > 0) {
    val unhosted = exchanger.toHost().map(_.toInt)
    if (unhosted.nonEmpty) {
      val secret = Json.mapper.readTree(exchanger.client()).get("secret").asText
      val tasks = unhosted.map { part =>
        HostTask(run, plan.configJson, new Secret(secret), part, start(part), exchanger.part(part))
      }
      val hosted = sc.runJob(new OnePerPartition(sc, tasks.toSeq), (task: Iterator[HostTask]) => task.next().host())
      unhosted.zip(hosted).foreach { case (part, server) => servers(part) = Json.mapper.readTree(server) }
      exchanger.hosted(servers.foldLeft(Json.mapper.createArrayNode())(_.add(_)).toString)
    }
  }

  /** Reads the center if a new copy is due, for the host that replaces a lost one. */
  def copyWhenDue(): Unit = if (parts > 0 && System.nanoTime() - nextCopy > 0) now(mayFail = true)

  /** The center now; the last copy while a part has no host. */
  def last(): PackedVector = now(mayFail = true).getOrElse(copy)

  /** The center now. None if a part has no host and that `mayFail`. */
  def now(mayFail: Boolean): Option[PackedVector] = {
    val began = System.nanoTime()
    val center =
      try Some(PackedVector.wrap(exchanger.center()))
      catch {
        case e: NativeException if parts > 0 && mayFail =>
          CenterHosts.log.warn("a part of the center cannot be reached until it has a host again", e)
          None
      }
    center.foreach(copy = _)
    val ended = System.nanoTime()
    nextCopy = ended + CenterHosts.Share * (ended - began)
    center
  }

  private def start(part: Int): Int = (plan.length.toLong * part / parts).toInt
}

private[train] object CenterHosts {
  private val log = LoggerFactory.getLogger(classOf[CenterHosts])
  private val Share = 20L // reading megabytes takes milliseconds, but gigabytes would keep the network busy
}

/** The job's secret, as it is sent to an executor; `toString` does not show it. */
private[train] final class Secret(val digits: String) extends Serializable {
  override def toString: String = "Secret"
}

/** Hosts one part in the executor that runs this. */
private[train] final case class HostTask(
    run: String,
    configJson: String,
    secret: Secret,
    part: Int,
    offset: Int,
    snapshot: Array[Byte]
) {

  /** The address of the part's server, as JSON. */
  def host(): String = {
    NativeLibrary.load()
    val request = Json.mapper.createObjectNode().put("run", run).put("secret", secret.digits)
    request.put("part", part).put("offset", offset).put("host", ExecutorHost.name)
    request.set[JsonNode]("config", Json.mapper.readTree(configJson))
    Exchanger.host(request.toString, snapshot)
  }
}
