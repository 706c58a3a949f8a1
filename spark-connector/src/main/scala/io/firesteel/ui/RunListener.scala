// Fills the store behind the web UI from the events of runs: in a running application, and in the History Server from an
// event log.
package io.firesteel.ui

import org.apache.spark.scheduler._
import org.apache.spark.ui.firesteel.TabStore
import scala.collection.mutable

/** Spark calls it on one thread. A run is written when it begins and ends, is evaluated or loses something, and otherwise at most
  * once a second of the events' own time.
  */
private[ui] final class RunListener(store: TabStore) extends SparkListener {
  import RunListener._

  private val runs = mutable.LinkedHashMap.empty[Int, Kept] // the latest
  private val forgotten = mutable.BitSet.empty
  private var leftOut = LeftOut(0, RunEvent.Version)

  store.onFlush(write())

  override def onOtherEvent(event: SparkListenerEvent): Unit = event match {
    case event: RunEvent if event.version > RunEvent.Version || event.event == null => leave(event)
    case event: RunEvent if !forgotten(event.run)                                   => take(event)
    case _                                                                          =>
  }

  /** Executors tell their metrics every ten seconds, during a long round or evaluation, too. */
  override def onExecutorMetricsUpdate(update: SparkListenerExecutorMetricsUpdate): Unit = write()

  override def onApplicationEnd(end: SparkListenerApplicationEnd): Unit = {
    runs.values.foreach { kept =>
      kept.run.abandoned(end.time)
      kept.isWritten = false
    }
    write()
  }

  private def take(event: RunEvent): Unit = {
    val kept = runs.getOrElseUpdate(event.run, new Kept(new LiveRun(event.run, event.time)))
    if (kept.run.add(event.event, event.time)) {
      kept.isWritten = false
      if (!Frequent(event.event.path("event").asText) || event.time - kept.writtenAt >= WriteMillis) {
        kept.write(store)
        kept.writtenAt = event.time
      }
    } else leave(event)
    if (runs.size > MostRuns) forget()
  }

  private def leave(event: RunEvent): Unit = {
    leftOut = LeftOut(leftOut.events + 1, math.max(leftOut.version, event.version))
    store.write(leftOut)
  }

  /** Forgets the first run that has ended, or the first one. */
  private def forget(): Unit = {
    val number = runs.collectFirst { case (number, kept) if !kept.run.isGoing => number }.getOrElse(runs.head._1)
    runs.remove(number)
    forgotten += number
    store.delete(classOf[RunView], number)
  }

  private def write(): Unit = runs.values.filterNot(_.isWritten).foreach(_.write(store))
}

private object RunListener {

  /** Runs that are kept, each with 200 KB of points at most for up to 125 workers, and a copy of them in the store. */
  private val MostRuns = 100
  private val WriteMillis = 1000L
  private val Frequent = Set("round", "exchanges")

  private final class Kept(val run: LiveRun) {
    var isWritten = false
    var writtenAt = 0L

    def write(store: TabStore): Unit = {
      store.write(run.view)
      isWritten = true
    }
  }
}
