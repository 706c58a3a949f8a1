// What a worker computes with in an executor. It decides the last bits of a result, beside data, seed and configuration:
// kernels for other vector instructions, other numbers of threads and other versions of libtorch add in other orders.
package io.firesteel

/** @param executor Spark's name for it
  * @param cpu the processor's name; empty if Linux does not report it
  * @param instructionSet of libtorch's kernels: AVX512, AVX2, DEFAULT
  * @param threads of one worker: what was asked for, at most the cores
  * @param libtorch the version that is loaded
  */
case class Machine(executor: String, cpu: String, instructionSet: String, threads: Int, libtorch: String)

object Machine {
  /** How they differ, as a warning. */
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
