// Parts of the center on executors, each served by an exchanger in that executor's process; budget and clocks stay on
// the driver. A part whose executor goes away is hosted anew, as the driver saw it last.
package io.firesteel.train.stage

import com.fasterxml.jackson.databind.node.JsonNodeFactory
import io.firesteel.Json
import io.firesteel.jni.{Exchanger, NativeException}
import io.firesteel.train.run.Plan
import io.firesteel.train.workers.NativeLibrary
import org.apache.spark.firesteel.ExecutorHost
import org.apache.spark.SparkContext
import org.slf4j.LoggerFactory

/** The hosts of the center of `run`; none with `exchangers` 0, where the driver's exchanger holds all of it.
  *
  * @param initial the center at first
  */
private[train] final class CenterHosts(
    sc: SparkContext,
    exchanger: Exchanger,
    plan: Plan,
    run: String,
    initial: Array[Float]
) {
  private val parts = plan.config.exchangers
  private val servers = new Array[String](parts)
  @volatile private var seen = initial
  private var next = System.nanoTime() // when to look again

  /** Sees to it that every part has a host that answers. Called before each job that exchanges, by the job's thread,
    * while no worker is at work: a synchronous strategy goes back to what was seen last as a whole.
    */
  def ensure(): Unit = if (parts > 0) {
    val unhosted = exchanger.toHost().map(_.toInt)
    if (unhosted.nonEmpty) {
      val secret = Json.mapper.readTree(exchanger.client()).get("secret").asText
      val tasks = unhosted.map { part =>
        HostTask(run, plan.configJson, new Secret(secret), part, start(part), exchanger.part(part))
      }
      val hosted = sc.parallelize(tasks.toSeq, tasks.length).map(_.host()).collect()
      unhosted.zip(hosted).foreach { case (part, server) => servers(part) = server }
      exchanger.hosted(servers.mkString("[", ",", "]"))
    }
  }

  /** Keeps at hand what a part would go on from: as fresh as a twentieth of the time spent on it allows. */
  def look(): Unit = if (parts > 0 && System.nanoTime() - next > 0) now(mayFail = true)

  /** The center now; while a part has no host, as it was seen last. */
  def last(): Array[Float] = now(mayFail = true).getOrElse(seen)

  /** The center now; none where a part has no host, if that `mayFail`. */
  def now(mayFail: Boolean): Option[Array[Float]] = {
    val began = System.nanoTime()
    val center =
      try Some(exchanger.center())
      catch {
        case e: NativeException if parts > 0 && mayFail =>
          CenterHosts.log.warn("a part of the center is out of reach, until it has a host again", e)
          None
      }
    center.foreach(seen = _)
    val ended = System.nanoTime()
    next = ended + CenterHosts.Share * (ended - began)
    center
  }

  private def start(part: Int): Int = (plan.length.toLong * part / parts).toInt
}

private[train] object CenterHosts {
  private val log = LoggerFactory.getLogger(classOf[CenterHosts])
  private val Share = 20L // a center of megabytes is pulled in milliseconds, one of gigabytes would fill a network
}

/** The job's secret on its way to an executor; never printed. */
private[train] final class Secret(val digits: String) extends Serializable {
  override def toString: String = "Secret"
}

/** CenterHosts one part in the executor it runs in; answers where, as JSON. */
private[train] final case class HostTask(
    run: String,
    configJson: String,
    secret: Secret,
    part: Int,
    offset: Int,
    snapshot: Array[Byte]
) {
  def host(): String = {
    NativeLibrary.load()
    val name = JsonNodeFactory.instance.textNode(ExecutorHost.name)
    Exchanger.host(
      s"""{"run":"$run","config":$configJson,"secret":"${secret.digits}","part":$part,"offset":$offset,"host":$name}""",
      snapshot
    )
  }
}
