// Estimates the memory that a run takes before it begins, and compares it with what is known of the machines: a run
// that cannot work is refused, one that may not gets a warning. The engine estimates a worker's native memory; the
// vectors on JVM heaps are counted here.
package io.firesteel.train.run

import io.firesteel.{FiresteelException, Json, MemoryNeeds, TrainConfig}
import io.firesteel.data.ImageSource
import io.firesteel.jni.Kind
import org.apache.spark.firesteel.TaskSlots
import org.apache.spark.{SparkConf, SparkContext}

/** A limit in bytes that a process cannot exceed, what sets it, and how many bytes are free now (0: unknown). */
private[train] final case class MemoryLimit(bytes: Long, by: String, available: Long)

/** Native memory of one worker in bytes: between calls, and in addition during a step or an evaluation. `limit` is that
  * of this process.
  */
private[train] final case class WorkerMemory(resident: Long, step: Long, evaluation: Long, limit: MemoryLimit) {
  def peak: Long = resident + math.max(step, evaluation)
}

private[train] object WorkerMemory {

  /** Reads the result of `Engine.memory`. */
  def read(json: String): WorkerMemory = {
    val node = Json.mapper.readTree(json)
    val limit = Json.node(node, "limit")
    WorkerMemory(
      Json.whole(node, "resident"),
      Json.whole(node, "step"),
      Json.whole(node, "evaluation"),
      MemoryLimit(Json.whole(limit, "bytes"), Json.text(limit, "by"), Json.whole(limit, "available"))
    )
  }
}

private[train] object MemoryCheck {
  import MemoryNeeds.{mebibytes, text}

  /** An estimate of what a JVM with Spark and libtorch takes beside heap and workers: code, threads, metadata, compiled
    * kernels.
    */
  val ProcessBytes: Long = 400L << 20

  /** Maximum number of test rows in the driver's memory at once while it evaluates: 50 MB of images, or one. */
  def maxDriverRows(config: TrainConfig): Long = math.max(1L, (48L << 20) / (3L * config.side * config.side))

  /** What is known of the memory of the machines, in bytes.
    *
    * @param slots tasks that one process runs at once
    * @param heap maximum size of its heap
    * @param limit of its native memory, if it is known
    * @param overhead what its container has beside the heap, if containers are limited
    * @param driverHeap maximum size of the driver's heap
    */
  final case class Capacity(
      local: Boolean,
      slots: Int,
      heap: Long,
      limit: Option[MemoryLimit],
      overhead: Option[Long],
      driverHeap: Long
  )

  /** The needs of a resolved plan; none if the workers use a GPU's memory.
    *
    * @throws FiresteelException of kind memory, with figures, for a run that cannot work
    */
  def checked(sc: SparkContext, plan: Plan, train: ImageSource, test: Option[ImageSource]): Option[MemoryNeeds] =
    Option.unless(onGpu(sc.getConf, plan.config)) {
      def share(rows: Long, workers: Long) = (rows + workers - 1) / workers
      def tested(rows: Long) =
        if (plan.isSynchronous) share(rows, plan.workers) else math.min(rows, maxDriverRows(plan.config))
      val ofTrain = plan.memory(share(train.rows, plan.workers), train.format)
      val ofTest = test.filter(_.rows > 0).map(source => plan.memory(tested(source.rows), source.format))
      estimate(plan, ofTrain, ofTest, capacity(sc, ofTrain.limit))
    }

  /** The needs of a plan with these workers, compared with `capacity`. */
  def estimate(plan: Plan, train: WorkerMemory, test: Option[WorkerMemory], capacity: Capacity): MemoryNeeds = {
    val stepping = math.max(1, math.min(plan.workers, capacity.slots))
    val resident = if (capacity.local) plan.workers else stepping // the others may be elsewhere
    val tested = test.filter(_ => capacity.local || plan.isSynchronous) // else the driver evaluates, beside the workers
    val ofTest = tested.fold(0L)(_.resident) * (if (plan.isSynchronous) resident else 1)
    val ofEvaluation = tested.fold(0L)(_.evaluation)
    val steps =
      if (plan.isSynchronous) stepping * math.max(train.step, ofEvaluation) else stepping * train.step + ofEvaluation
    val native = ((resident * train.resident + ofTest + steps) * Slack).toLong
    val process = ProcessBytes + native
    val (taskHeap, driverHeap) = heaps(plan, stepping, capacity.local)

    refuseNative(plan, train, (if (capacity.local) resident else 1) * train.resident + train.step, capacity)
    refuseHeaps(plan, capacity)
    val warning = nativeWarning(native, process, stepping, capacity).orElse(heapWarning(taskHeap, driverHeap, capacity))
    MemoryNeeds(train.peak, process, driverHeap, capacity.local, warning)
  }

  /** Bytes of vectors on the heap of a process with workers, and on the driver's. In local Spark they are one heap. */
  private def heaps(plan: Plan, tasks: Int, local: Boolean): (Long, Long) = {
    val (vector, state) = (vectorBytes(plan), if (plan.keepsState) stateBytes(plan) else 0L)
    // the center as received, and for each task its result and what Spark serialises that to, twice
    val ofTasks = vector + tasks * (3 * vector + state)
    val best = if (plan.config.restoreBestWeights) 1L else 0L
    val own = ((if (plan.inStage) 3L else plan.workers + 2L) + best) * vector + plan.workers * state
    (ofTasks, own + (if (local) ofTasks else 0))
  }

  private def refuseNative(plan: Plan, train: WorkerMemory, surely: Long, capacity: Capacity): Unit =
    for (limit <- capacity.limit if surely > limit.bytes) {
      val batch = plan.config.batch.fold("")(batch => s" on a minibatch of $batch")
      throw new FiresteelException(
        Kind.MEMORY,
        s"the workers take about ${text(surely)} of native memory, ${text(train.step)} of it for a step$batch, and " +
          s"${text(limit.bytes)} is all that ${limit.by} leaves: lower batch" +
          (if (!capacity.local) ", or raise spark.executor.memoryOverhead"
           else if (plan.workers > 1) ", or workers"
           else "")
      )
    }

  private def refuseHeaps(plan: Plan, capacity: Capacity): Unit = {
    val vector = vectorBytes(plan)
    def refuse(what: String, wanted: Long, has: Long, option: String) = if (wanted > has)
      throw new FiresteelException(
        Kind.MEMORY,
        s"$what take ${text(wanted)} of heap, and there are ${text(has)}: raise $option"
      )
    if (!capacity.local)
      refuse("a task's weights, as received and as its result,", 2 * vector, capacity.heap, "--executor-memory")
    if (!plan.inStage)
      refuse(
        s"the weights of ${plan.workers} workers and of the center",
        (plan.workers + 1L + (if (plan.config.restoreBestWeights) 1L else 0L)) * vector,
        capacity.driverHeap,
        "--driver-memory"
      )
  }

  private def nativeWarning(native: Long, process: Long, tasks: Int, capacity: Capacity): Option[String] = {
    val lacks = capacity.overhead.filter(process > _).map { overhead =>
      s"an executor of $tasks tasks takes about ${text(process)} beside its heap, and its container has " +
        s"${text(overhead)}: set spark.executor.memoryOverhead to ${mebibytes(process)}m"
    }
    val own = capacity.limit.filter(_ => capacity.local)
    val tight = own.filter(process > _.bytes).map { limit =>
      s"about ${text(process)} are wanted beside the heap, and ${limit.by} leaves ${text(limit.bytes)}: lower batch"
    }
    val busy = own.map(_.available).filter(free => free > 0 && native > free).map { free =>
      s"about ${text(native)} more are wanted beside the heap, and ${text(free)} of the machine are free: lower batch"
    }
    lacks.orElse(tight).orElse(busy)
  }

  private def heapWarning(taskHeap: Long, driverHeap: Long, capacity: Capacity): Option[String] = {
    def lacks(what: String, wanted: Long, has: Long, option: String) = Option.when(wanted > has * UsableHeap) {
      s"vectors take about ${text(wanted)} of the $what's heap of ${text(has)}: raise $option"
    }
    val executor = if (capacity.local) None else lacks("executor", taskHeap, capacity.heap, "--executor-memory")
    executor.orElse(lacks("driver", driverHeap, capacity.driverHeap, "--driver-memory"))
  }

  private def capacity(sc: SparkContext, own: MemoryLimit): Capacity = {
    val conf = sc.getConf
    val ownHeap = Runtime.getRuntime.maxMemory
    if (sc.isLocal) Capacity(local = true, TaskSlots.now(sc), ownHeap, Some(own), None, ownHeap)
    else {
      val heap = conf.getSizeAsBytes("spark.executor.memory", "1g")
      val overhead = overheadBytes(conf, sc.master, heap)
      // a standalone cluster's executors have all cores of their machines if nothing else is set
      val cores = conf.getInt("spark.executor.cores", 1) / conf.getInt("spark.task.cpus", 1)
      val tasks = TaskSlots.executors(sc).map(_.tasks).maxOption.getOrElse(cores)
      val limit = overhead.map(bytes => MemoryLimit(heap + bytes, "an executor's container", 0))
      Capacity(local = false, math.max(1, tasks), heap, limit, overhead, ownHeap)
    }
  }

  /** Bytes of an executor's container beside its heap, as Spark computes it for cluster managers with containers. */
  private[train] def overheadBytes(conf: SparkConf, master: String, heap: Long): Option[Long] =
    Option.when(master.startsWith("yarn") || master.startsWith("k8s")) {
      val factor = conf.getDouble("spark.executor.memoryOverheadFactor", 0.1)
      val least = conf.getSizeAsMb("spark.executor.minMemoryOverhead", "384m") << 20
      val key = "spark.executor.memoryOverhead"
      if (conf.contains(key)) conf.getSizeAsMb(key) << 20 else math.max((heap * factor).toLong, least)
    }

  private def onGpu(conf: SparkConf, config: TrainConfig): Boolean =
    config.device == "cuda" || config.device == "auto" && conf.contains("spark.task.resource.gpu.amount")

  private def vectorBytes(plan: Plan): Long = plan.centerLength.toLong * java.lang.Float.BYTES
  private def stateBytes(plan: Plan): Long = plan.stateLength.toLong * java.lang.Float.BYTES

  /** The engine's figures are of tensors alone. With what the allocator keeps and oneDNN's own buffers, processes took
    * up to half as much again.
    */
  private[train] val Slack = 1.5
  private val UsableHeap = 0.8 // the rest is Spark's own, and garbage
}
