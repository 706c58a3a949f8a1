// Exchanges as the web UI is told of them: many workers may exchange many times a second, so one event tells those of a second.
package io.firesteel.ui

import com.fasterxml.jackson.databind.node.{ArrayNode, JsonNodeFactory, ObjectNode}
import io.firesteel.{EventJson, ExchangeDone}
import scala.collection.mutable

private[ui] final class MergedExchanges {
  private val workers = mutable.SortedMap.empty[Int, MergedExchanges.OfWorker]
  private var first, last = Option.empty[ExchangeDone]

  def isEmpty: Boolean = last.isEmpty

  /** Whether the exchanges since the last `take` are of a second or more. */
  def isFull: Boolean =
    last.zip(first).exists { case (now, begin) => now.seconds - begin.seconds >= MergedExchanges.Seconds }

  def add(e: ExchangeDone): Unit = {
    if (first.isEmpty) first = Some(e)
    last = Some(e)
    workers.getOrElseUpdate(e.worker, new MergedExchanges.OfWorker).add(e)
  }

  /** The event of all exchanges since the last call, of which there are some: `seconds`, `total_steps` and `samples` of the
    * last one, and lists with a value for each `worker`: sums of `exchanges`, `steps`, `staleness`, `computing`,
    * `exchanging` and `waiting`, and `loss`, the mean over the steps.
    */
  def take(): ObjectNode = {
    val node = JsonNodeFactory.instance.objectNode().put("event", "exchanges")
    last.foreach { e =>
      node.set[ObjectNode]("seconds", EventJson.real(e.seconds))
      node.put("total_steps", e.totalSteps).put("samples", e.totalSamples)
    }
    def list(name: String)(fill: (ArrayNode, Int, MergedExchanges.OfWorker) => Unit): Unit = {
      val values = node.putArray(name)
      workers.foreach { case (worker, sums) => fill(values, worker, sums) }
    }
    list("worker")((values, worker, _) => values.add(worker))
    list("exchanges")((values, _, sums) => values.add(sums.exchanges))
    list("steps")((values, _, sums) => values.add(sums.steps))
    list("staleness")((values, _, sums) => values.add(sums.staleness))
    list("loss")((values, _, sums) => values.add(EventJson.real(sums.loss / sums.steps)))
    list("computing")((values, _, sums) => values.add(EventJson.real(sums.computing)))
    list("exchanging")((values, _, sums) => values.add(EventJson.real(sums.exchanging)))
    list("waiting")((values, _, sums) => values.add(EventJson.real(sums.waiting)))
    workers.clear()
    first = None
    last = None
    node
  }
}

private object MergedExchanges {
  private val Seconds = 1.0

  private final class OfWorker {
    var exchanges, steps, staleness = 0L
    var loss, computing, exchanging, waiting = 0.0 // the loss times the steps

    def add(e: ExchangeDone): Unit = {
      exchanges += 1
      steps += e.steps
      staleness += e.staleness
      loss += e.loss * e.steps
      computing += e.computing
      exchanging += e.exchanging
      waiting += e.waiting
    }
  }
}
