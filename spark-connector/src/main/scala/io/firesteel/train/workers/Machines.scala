// Asks the executors what their workers compute with.
package io.firesteel.train.workers

import io.firesteel.{Json, Machine}
import io.firesteel.jni.Engine
import io.firesteel.train.placement.EachExecutor
import org.apache.spark.{SparkContext, SparkEnv}
import org.apache.spark.firesteel.TaskSlots

private[train] object Machines {
  private val MaxSeconds = 10L // an executor that is busy with other jobs for longer is left out

  /** Of each executor that has registered and has a free slot, for a resolved configuration. */
  def all(sc: SparkContext, configJson: String): Seq[Machine] =
    if (sc.isLocal) Seq(read(SparkEnv.get.executorId, Engine.machine(configJson)))
    else {
      val (answers, _) = EachExecutor.run(sc, TaskSlots.executors(sc), MaxSeconds, "what the executors are") { () =>
        NativeLibrary.load()
        Engine.machine(configJson)
      }
      answers.toSeq.sortBy { case (id, _) => (id.length, id) }.map { case (id, json) => read(id, json) }
    }

  /** Reads the result of `Engine.machine`. */
  def read(executor: String, json: String): Machine = {
    val node = Json.mapper.readTree(json)
    Machine(
      executor,
      Json.text(node, "cpu"),
      Json.text(node, "instruction_set"),
      Json.small(node, "threads"),
      Json.text(node, "libtorch")
    )
  }
}
