// What decides the bits of a result in an executor, beside data, seed and configuration: kernels for other vector
// instructions, other numbers of threads and other versions of libtorch add in other orders.
package io.firesteel.train

import io.firesteel.jni.Engine
import org.apache.spark.{SparkContext, SparkEnv}
import org.apache.spark.firesteel.TaskSlots

/** @param executor Spark's name for it
  * @param cpu the processor's name; empty where Linux tells none
  * @param instructionSet of libtorch's kernels: AVX512, AVX2, DEFAULT
  * @param threads of one worker: what was asked for, at most the cores
  * @param libtorch the version that is loaded
  */
case class Machine(executor: String, cpu: String, instructionSet: String, threads: Int, libtorch: String)

object Machine {
  private val AskSeconds = 10L // an executor whose slots are busy with other jobs for longer is not known

  /** Of each executor that is there and has a slot to spare. */
  private[train] def all(sc: SparkContext, configJson: String): Seq[Machine] =
    if (sc.isLocal) Seq(read(SparkEnv.get.executorId, Engine.machine(configJson)))
    else {
      val (told, _) = EachExecutor.run(sc, TaskSlots.executors(sc), AskSeconds) { () =>
        NativeLibrary.load()
        Engine.machine(configJson)
      }
      told.toSeq.sortBy { case (id, _) => (id.length, id) }.map { case (id, json) => read(id, json) }
    }

  private def read(executor: String, json: String): Machine = {
    val node = Tensors.mapper.readTree(json)
    Machine(
      executor,
      Json.text(node, "cpu"),
      Json.text(node, "instruction_set"),
      Json.small(node, "threads"),
      Json.text(node, "libtorch")
    )
  }

  /** In what they differ, for people. */
  def difference(machines: Seq[Machine]): Option[String] = {
    val aspects = Seq[(String, Machine => String)](
      "processor" -> (_.cpu),
      "instruction set" -> (_.instructionSet),
      "threads of a worker" -> (_.threads.toString),
      "libtorch" -> (_.libtorch)
    )
    val differing = for ((name, of) <- aspects; groups = machines.groupBy(of) if groups.size > 1) yield {
      val each = groups.toSeq.sortBy(_._1).map { case (value, group) => s"$value on ${named(group)}" }
      s"$name (${each.mkString("; ")})"
    }
    Option.when(differing.nonEmpty)(
      s"executors differ in ${differing.mkString(", ")}: " +
        "the same weights bit for bit are promised where all of that is the same"
    )
  }

  private def named(group: Seq[Machine]): String = {
    val shown = group.map(_.executor).take(MostNamed).mkString(", ")
    if (group.size > MostNamed) s"$shown and ${group.size - MostNamed} more" else shown
  }

  private val MostNamed = 4
}
