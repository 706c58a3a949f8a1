// Made-up data of a report, as like real ones as its tests need.
package io.firesteel.compare

import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import io.firesteel.Json
import scala.util.Random

object SampleReport {
  private val Taus = Seq(1, 5, 10, 50)
  private val Strategies = Seq("sequential", "sparknet", "deepspark", "easgd")
  private val Batch = 1000 // samples between two evaluations

  /** Groups by strategy, tau and workers; the last but one of several has a run that failed, the last one a missing run. */
  def data(groups: Int, seeds: Int, points: Int): ObjectNode = {
    val random = new Random(7)
    val data = Json.mapper.createObjectNode()
    data.put("name", "made-up").put("made", "2026-11-27T23:00:00Z").put("firesteel", "0.1.0").put("spark", "4.1.3")
    data.put("hardware", "2 x Intel Xeon, 24 GiB").put("budget", s"${points * Batch} samples").put("goal", 0.7)
    data.putArray("method").add("Each run trained cifar10_quick on the same images.").add("Three seeds a group.")
    val settings = (0 until groups).map { i =>
      Seq("strategy" -> Strategies(i % 4), "tau" -> Taus(i / 4 % 4).toString, "workers" -> (2 << (i / 16)).toString)
    }
    val axes = data.putArray("axes")
    for (key <- Seq("strategy", "tau", "workers")) {
      val axis = axes.addObject().put("key", key).putArray("values")
      settings.map(_.toMap.apply(key)).distinct.foreach(value => axis.add(value))
    }
    val all = data.putArray("groups")
    for ((labels, i) <- settings.zipWithIndex) {
      val group = all.addObject().put("label", labels.map { case (key, label) => s"$key $label" }.mkString(", "))
      val axisValues = group.putObject("settings")
      labels.foreach { case (key, label) => axisValues.put(key, label) }
      group.putObject("differs").put("lr-scale", if (i % 2 == 0) "linear" else "none").put("rate", 0.001 * (1 + i % 3))
      summary(group.putObject("summary"), i, seeds)
      val runs = group.putArray("runs")
      for (seed <- 0 until seeds) {
        val bad = groups > 2 && seed == seeds - 1 && i >= groups - 2
        val run = runs.addObject().put("seed", seed.toString).putNull("error")
        run.put("status", if (!bad) "done" else if (i == groups - 1) "missing" else "failed")
        if (bad && i < groups - 1) run.put("error", "executor 1 was lost: out of memory\n" + "  at Worker.step\n" * 200)
        run.put(
          "command",
          s"scripts/submit -- train --strategy ${labels.head._2} --tau ${labels(1)._2} --seed $seed --out DIR"
        )
        if (bad) run.putArray("points") else curve(run.putArray("points"), i, points, random)
      }
    }
    data
  }

  private def end(i: Int): Double = 0.75 - 0.02 * (i % 4) - 0.012 * (i / 4 % 4) - 0.008 * (i / 16)

  private def seconds(i: Int): Double = 400.0 / (1 + i % 4)

  private def summary(node: ObjectNode, i: Int, seeds: Int): Unit = {
    node.put("n", seeds).put("steadiness", 0.004 + 0.001 * (i % 5)).put("drop", 0.01 + 0.003 * (i % 3))
    node.putObject("accuracy").put("mean", end(i)).put("sd", 0.006)
    node.putObject("best").put("mean", end(i) + 0.005).put("sd", 0.005)
    node.putObject("seconds").put("mean", seconds(i)).put("sd", 4.2)
    val reached = if (i % 4 == 3) 0 else seeds
    val toGoal = node.putObject("to_goal").put("reached", reached)
    if (reached > 0) toGoal.put("seconds", seconds(i) * 0.6).put("samples", 31234.5)
    node.put("speed_up", 400 / seconds(i)).put("images_per_second", 512.3 * (1 + i % 4)).put("bytes", 1.23e9 * (i % 4))
    if (i % 4 > 1) node.put("staleness", 1.37)
    if (i % 4 > 0) node.put("beats_one_machine", i == 5)
    val time = node.putObject("time")
    Seq("compute" -> 0.7, "exchange" -> 0.1, "rest" -> 0.2).foreach { case (part, share) =>
      time.put(part, share * seconds(i))
    }
  }

  private def curve(points: ArrayNode, i: Int, count: Int, random: Random): Unit = {
    val (offset, speed) = (0.012 * random.nextGaussian(), 1 + 0.02 * random.nextGaussian())
    for (step <- 1 to count) {
      val done = step.toDouble / count
      val accuracy = 0.1 + (end(i) - 0.1) * (1 - math.exp(-5 * done)) + offset + 0.006 * random.nextGaussian()
      val time = seconds(i) * done * speed
      val point = points.addArray().add(step.toLong * Batch).add(time).add(time * 0.93)
      point.add(1.23e9 * (i % 4) * done).add(accuracy).add(2.3 * (1 - accuracy))
    }
  }
}
