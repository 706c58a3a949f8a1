// Parts of the center on executors, each served by an exchanger in that executor's process; budget and clocks stay on
// the driver. A part whose executor goes away is hosted anew, from the center as the driver saw it last.
package io.firesteel.train

import com.fasterxml.jackson.databind.node.JsonNodeFactory
import io.firesteel.jni.{Exchanger, NativeException}
import java.util.Arrays
import java.util.concurrent.TimeUnit.SECONDS
import org.apache.spark.SparkContext
import org.apache.spark.firesteel.ExecutorHost
import org.slf4j.LoggerFactory

/** The hosts of the center of `run`; none with `exchangers` 0, where the driver's exchanger holds all of it.
  *
  * @param initial the center at first
  */
private[train] final class Hosts(
    sc: SparkContext,
    exchanger: Exchanger,
    plan: Plan,
    run: String,
    initial: Array[Float]
) {
  private val parts = plan.config.exchangers
  private val servers = new Array[String](parts)
  @volatile private var seen = initial
  private var lookedAt = System.nanoTime()

  /** Sees to it that every part has a host that answers. Called before each job that exchanges, by the job's thread. */
  def ensure(): Unit = if (parts > 0) {
    val lost = if (servers.head == null) (0 until parts).toArray else exchanger.lost().map(_.toInt)
    if (lost.nonEmpty) {
      val secret = Tensors.mapper.readTree(exchanger.client()).get("secret").asText
      val tasks = lost.map(part => HostTask(run, plan.configJson, new Secret(secret), part, start(part), slice(part)))
      val hosted = sc.parallelize(tasks.toSeq, tasks.length).map(_.host()).collect()
      lost.zip(hosted).foreach { case (part, server) => servers(part) = server }
      exchanger.hosted(servers.mkString("[", ",", "]"))
    }
  }

  /** Keeps the center at hand that a part would go on from: at most some seconds old. */
  def look(): Unit = if (parts > 0 && System.nanoTime() - lookedAt > SECONDS.toNanos(Hosts.SecondsBehind)) center()

  /** The center now; while a part has no host, as it was seen last. */
  def center(): Array[Float] = {
    try seen = exchanger.center()
    catch {
      case e: NativeException if parts > 0 =>
        Hosts.log.warn("a part of the center is out of reach, until it has a host again", e)
    }
    lookedAt = System.nanoTime()
    seen
  }

  private def start(part: Int): Int = (plan.length.toLong * part / parts).toInt

  private def slice(part: Int): Array[Float] = Arrays.copyOfRange(seen, start(part), start(part + 1))
}

private[train] object Hosts {
  private val log = LoggerFactory.getLogger(classOf[Hosts])
  private val SecondsBehind = 2L // a center is megabytes: pulling it costs milliseconds
}

/** The job's secret on its way to an executor; never printed. */
private[train] final class Secret(val digits: String) extends Serializable {
  override def toString: String = "Secret"
}

/** Hosts one part in the executor it runs in; answers where, as JSON. */
private[train] final case class HostTask(
    run: String,
    configJson: String,
    secret: Secret,
    part: Int,
    offset: Int,
    values: Array[Float]
) {
  def host(): String = {
    NativeLibrary.load()
    val name = JsonNodeFactory.instance.textNode(ExecutorHost.name)
    Exchanger.host(
      s"""{"run":"$run","config":$configJson,"secret":"${secret.digits}","part":$part,"offset":$offset,"host":$name}""",
      values
    )
  }
}
