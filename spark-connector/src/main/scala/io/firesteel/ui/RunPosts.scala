// Sends the events of runs to Spark's listeners, where the application has the plugin. Where it has not, a run is as without
// this file.
package io.firesteel.ui

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}
import io.firesteel._
import io.firesteel.jni.Kind
import java.util.concurrent.atomic.AtomicInteger
import org.apache.spark.SparkContext
import org.apache.spark.firesteel.Listeners

/** The events of one run. They are sent without waiting for who receives them, and merged where there are many. */
private[ui] final class RunPosts(post: ObjectNode => Unit) extends TrainListener {
  private val exchanges = new MergedExchanges

  /** @param name of the run, for people */
  def begins(name: String, config: TrainConfig): Unit =
    post(named("begin").put("name", name).put("strategy", config.strategy).put("net", config.net))

  override def waiting(what: String): Unit = post(named("waiting").put("what", what))

  override def event(e: TrainEvent): Unit = e match {
    case e: Started      => post(startOf(e))
    case e: ExchangeDone =>
      exchanges.add(e)
      if (exchanges.isFull) flush()
    case e: Ended =>
      flush()
      post(EventJson.of(e))
    case _ => post(EventJson.of(e))
  }

  /** The run ends with `e` instead of an event. */
  def failed(e: Throwable): Unit = {
    flush()
    val kind = e match {
      case e: FiresteelException   => e.kind
      case _: InterruptedException => Kind.CANCELLED
      case _                       => Kind.INTERNAL
    }
    post(named("failed").put("kind", kind.code).put("message", Failure.line(e)))
  }

  private def flush(): Unit = if (!exchanges.isEmpty) post(exchanges.take())

  private def named(event: String): ObjectNode = JsonNodeFactory.instance.objectNode().put("event", event)

  private def startOf(e: Started): ObjectNode =
    EventJson
      .of(e)
      .put("rounds", e.rounds)
      .put("completed_rounds", e.completedRounds)
      .put("synchronous", e.synchronous)
      .put("how", e.how)
      .put("split", e.split)
}

private[firesteel] object RunPosts {

  /** The context whose plugin is active. There is one Spark context in a process at a time. */
  @volatile private var active = Option.empty[Numbered]

  private final class Numbered(val sc: SparkContext) {
    private val runs = new AtomicInteger

    def begin(): RunPosts = {
      val run = runs.incrementAndGet()
      new RunPosts(event => Listeners.post(sc, RunEvent(RunEvent.Version, run, System.currentTimeMillis(), event)))
    }
  }

  private[ui] def activate(sc: SparkContext): Unit = active = Some(new Numbered(sc))

  private[ui] def end(sc: SparkContext): Unit = active = active.filterNot(_.sc eq sc)

  /** Trains by `body` with a listener that hands each event to `listener`, and to the web UI where the application has the
    * plugin.
    *
    * @param name of the run, for people
    */
  def around[A](sc: SparkContext, name: String, config: TrainConfig, listener: TrainListener)(
      body: TrainListener => A
  ): A = active.filter(_.sc eq sc).map(_.begin()).fold(body(listener)) { posts =>
    posts.begins(name, config)
    try body(TrainListener.all(posts, listener))
    catch {
      case e: Throwable => // whatever it is, it is thrown on
        posts.failed(e)
        throw e
    }
  }
}
