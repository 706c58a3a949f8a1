// An event of a run on its way to the web UI: what Spark's listeners receive and what its event log keeps, from which the
// History Server makes the same pages.
package io.firesteel.ui

import com.fasterxml.jackson.databind.JsonNode
import org.apache.spark.scheduler.SparkListenerEvent

/** Spark writes it to the event log as `{"Event":"io.firesteel.ui.RunEvent","version":1,"run":1,"time":..,"event":{..}}`, so
  * that name and fields must stay as they are. A History Server without this class leaves such lines out.
  *
  * @param version of the form of `event`; a reader leaves out what is of a later one
  * @param run number of the run in the application, from 1
  * @param time milliseconds since 1970
  * @param event an object whose field `event` is its name: those of `EventJson` (to `start` are added `rounds`,
  *   `completed_rounds`, `synchronous`, `how` and `split`), but `exchanges` in place of `exchange` ([[MergedExchanges]]);
  *   `begin` (`name`, `strategy`, `net`) before all others, `waiting` (`what`), and `failed` (`kind`, `message`) as the last
  *   one of a run without an `end`
  */
final case class RunEvent(version: Int, run: Int, time: Long, event: JsonNode) extends SparkListenerEvent

object RunEvent {

  /** Raised when a reader of this version could not read the events any more. */
  val Version = 1
}
