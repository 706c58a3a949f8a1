// The events of the latest fits of this process, by their names, for who follows a fit from Python or from a
// client of Spark Connect.
package io.firesteel.ml

import io.firesteel.{EventJson, TrainEvent, TrainListener}
import scala.collection.mutable

private[ml] object FitLog {
  private val Fits = 16 // that are kept
  private val Events = 20000 // that are kept of each, the latest: 5 MB of exchanges

  private val logs = mutable.LinkedHashMap.empty[String, FitLog]

  /** The log of a fit that begins, in place of that of an earlier one of the same name. */
  def begin(name: String): FitLog = synchronized {
    logs.remove(name)
    val log = new FitLog
    logs(name) = log
    logs.keys.take(logs.size - Fits).toSeq.foreach(logs.remove)
    log
  }

  def of(name: String): Option[FitLog] = synchronized(logs.get(name))
}

private[ml] final class FitLog extends TrainListener {
  private val events = mutable.Queue.empty[String]
  private var dropped = 0 // the earliest ones
  @volatile private var stopping = false

  override def event(e: TrainEvent): Unit = synchronized {
    events += EventJson.of(e).toString
    if (events.size > FitLog.Events) {
      events.dequeue()
      dropped += 1
    }
  }

  override def stops: Boolean = stopping

  /** Ends the fit as a listener does. */
  def stop(): Unit = stopping = true

  /** The events from the number `from` on, with their numbers, as EventJson has them. */
  def since(from: Int): Seq[(Int, String)] = synchronized {
    events.iterator.zipWithIndex.map { case (event, at) => (at + dropped, event) }.dropWhile(_._1 < from).toSeq
  }
}
