// The memory that a run takes, worked out before it begins and held against what is known of the machines: what surely
// cannot work is refused, what may not is a warning. The engine knows a worker's native memory; vectors are counted here.
package io.firesteel.train

import io.firesteel.jni.Kind
import org.apache.spark.{SparkConf, SparkContext}
import org.apache.spark.firesteel.TaskSlots

/** What a run takes, in bytes.
  *
  * @param worker native memory of one worker at its peak
  * @param process native memory of the process whose tasks are workers: this one in local Spark, else an executor
  * @param driverHeap of vectors on the driver's heap
  * @param warning what may not fit, and what to change
  */
case class MemoryNeeds(worker: Long, process: Long, driverHeap: Long, local: Boolean, warning: Option[String]) {

  /** For people. */
  def said: String = {
    val where = if (local) "beside the heap" else "in each executor beside its heap"
    s"about ${MemoryNeeds.said(worker)} a worker, ${MemoryNeeds.said(process)} $where, " +
      s"${MemoryNeeds.said(driverHeap)} of vectors on the driver's heap"
  }
}

/** Bytes that a process surely cannot exceed, what sets them, and how many are free now; 0 where nobody says. */
private[train] final case class MemoryLimit(bytes: Long, by: String, available: Long)

/** Native memory of one worker: between its calls, and beyond that in a step or an evaluation; `limit` is this process's.
  */
private[train] final case class WorkerMemory(resident: Long, step: Long, evaluation: Long, limit: MemoryLimit) {
  def peak: Long = resident + math.max(step, evaluation)
}

private[train] object WorkerMemory {

  /** What `Engine.memory` says. */
  def read(json: String): WorkerMemory = {
    val node = Tensors.mapper.readTree(json)
    val limit = Json.node(node, "limit")
    WorkerMemory(
      Json.whole(node, "resident"),
      Json.whole(node, "step"),
      Json.whole(node, "evaluation"),
      MemoryLimit(Json.whole(limit, "bytes"), Json.text(limit, "by"), Json.whole(limit, "available"))
    )
  }
}

private[train] object MemoryNeeds {

  /** Of a JVM with Spark and libtorch beside heap and workers: code, threads, metadata, compiled kernels. An estimate. */
  val ProcessBytes: Long = 400L << 20

  /** What is known of the machines.
    *
    * @param slots tasks that one process runs at once
    * @param heap the most that its heap takes
    * @param limit that its native memory surely cannot exceed; none where nobody says
    * @param overhead bytes that its container has beside the heap; none where containers have no limit
    * @param driverHeap the most that the driver's heap takes
    */
  final case class Known(
      local: Boolean,
      slots: Int,
      heap: Long,
      limit: Option[MemoryLimit],
      overhead: Option[Long],
      driverHeap: Long
  )

  /** The needs of a resolved plan; none where the workers' memory is a GPU's.
    *
    * @throws FiresteelException of kind memory, with figures, for a run that surely cannot work
    */
  def checked(sc: SparkContext, plan: Plan, trainRows: Long, testRows: Long): Option[MemoryNeeds] =
    Option.unless(onGpu(sc.getConf, plan.config)) {
      def share(rows: Long, workers: Long) = (rows + workers - 1) / workers
      val train = plan.memory(share(trainRows, plan.workers))
      val test = Option.when(testRows > 0)(plan.memory(share(testRows, if (plan.inStage) 1 else plan.workers)))
      weighed(plan, train, test, known(sc, train.limit))
    }

  /** The needs, held against what is known. */
  def weighed(plan: Plan, train: WorkerMemory, test: Option[WorkerMemory], known: Known): MemoryNeeds = {
    val stepping = math.max(1, math.min(plan.workers, known.slots))
    val resident = if (known.local) plan.workers else stepping // the others may be elsewhere
    val tested = test.filter(_ => known.local || !plan.inStage) // inside a stage the driver evaluates, on all rows
    val ofTest = tested.fold(0L)(_.resident) * (if (plan.inStage) 1 else resident)
    val ofEvaluation = tested.fold(0L)(_.evaluation)
    val steps =
      if (plan.inStage) stepping * train.step + ofEvaluation else stepping * math.max(train.step, ofEvaluation)
    val native = ((resident * train.resident + ofTest + steps) * Slack).toLong
    val process = ProcessBytes + native
    val (taskHeap, driverHeap) = heaps(plan, stepping, known.local)

    refuseNative(plan, train, (if (known.local) resident else 1) * train.resident + train.step, known)
    refuseHeaps(plan, known)
    val warning = nativeWarning(native, process, stepping, known).orElse(heapWarning(taskHeap, driverHeap, known))
    MemoryNeeds(train.peak, process, driverHeap, known.local, warning)
  }

  /** Bytes of vectors on the heaps of a process of workers and of the driver, which in local Spark are one. */
  private def heaps(plan: Plan, tasks: Int, local: Boolean): (Long, Long) = {
    val (vector, state) = (vectorBytes(plan), if (plan.keepsState) stateBytes(plan) else 0L)
    // the center as it comes and as it is, and for each task what it works on and what it brings back
    val ofTasks = vector + tasks * (3 * vector + state)
    val own = if (plan.inStage) 3 * vector else (plan.workers + 2L) * vector + plan.workers * state
    (ofTasks, own + (if (local) ofTasks else 0))
  }

  private def refuseNative(plan: Plan, train: WorkerMemory, surely: Long, known: Known): Unit =
    for (limit <- known.limit if surely > limit.bytes) {
      val batch = plan.config.batch.fold("")(batch => s" on a minibatch of $batch")
      throw new FiresteelException(
        Kind.MEMORY,
        s"the workers take about ${said(surely)} of native memory, ${said(train.step)} of it for a step$batch, and " +
          s"${said(limit.bytes)} is all that ${limit.by} leaves: lower batch" +
          (if (!known.local) ", or raise spark.executor.memoryOverhead"
           else if (plan.workers > 1) ", or workers"
           else "")
      )
    }

  private def refuseHeaps(plan: Plan, known: Known): Unit = {
    val vector = vectorBytes(plan)
    def refuse(what: String, wanted: Long, has: Long, option: String) = if (wanted > has)
      throw new FiresteelException(
        Kind.MEMORY,
        s"$what take ${said(wanted)} of heap, and there are ${said(has)}: raise $option"
      )
    if (!known.local)
      refuse("a task's weights, as they come and as it works on them,", 2 * vector, known.heap, "--executor-memory")
    if (!plan.inStage)
      refuse(
        s"the weights of ${plan.workers} workers and of the center",
        (plan.workers + 1L) * vector,
        known.driverHeap,
        "--driver-memory"
      )
  }

  private def nativeWarning(native: Long, process: Long, tasks: Int, known: Known): Option[String] = {
    val lacks = known.overhead.filter(process > _).map { overhead =>
      s"an executor of $tasks tasks takes about ${said(process)} beside its heap, and its container has " +
        s"${said(overhead)}: set spark.executor.memoryOverhead to ${mebibytes(process)}m"
    }
    val own = known.limit.filter(_ => known.local)
    val tight = own.filter(process > _.bytes).map { limit =>
      s"about ${said(process)} are wanted beside the heap, and ${limit.by} leaves ${said(limit.bytes)}: lower batch"
    }
    val busy = own.map(_.available).filter(free => free > 0 && native > free).map { free =>
      s"about ${said(native)} more are wanted beside the heap, and ${said(free)} of the machine are free: lower batch"
    }
    lacks.orElse(tight).orElse(busy)
  }

  private def heapWarning(taskHeap: Long, driverHeap: Long, known: Known): Option[String] = {
    def lacks(what: String, wanted: Long, has: Long, option: String) = Option.when(wanted > has * UsableHeap) {
      s"vectors take about ${said(wanted)} of the $what's heap of ${said(has)}: raise $option"
    }
    val executor = if (known.local) None else lacks("executor", taskHeap, known.heap, "--executor-memory")
    executor.orElse(lacks("driver", driverHeap, known.driverHeap, "--driver-memory"))
  }

  private def known(sc: SparkContext, own: MemoryLimit): Known = {
    val conf = sc.getConf
    val ownHeap = Runtime.getRuntime.maxMemory
    if (sc.isLocal) Known(local = true, TaskSlots.now(sc), ownHeap, Some(own), None, ownHeap)
    else {
      val heap = conf.getSizeAsBytes("spark.executor.memory", "1g")
      val overhead = overheadBytes(conf, sc.master, heap)
      // a standalone cluster's executors have the cores of their machines where nobody says otherwise
      val cores = conf.getInt("spark.executor.cores", 1) / conf.getInt("spark.task.cpus", 1)
      val tasks = TaskSlots.executors(sc).map(_.tasks).maxOption.getOrElse(cores)
      val limit = overhead.map(bytes => MemoryLimit(heap + bytes, "an executor's container", 0))
      Known(local = false, math.max(1, tasks), heap, limit, overhead, ownHeap)
    }
  }

  /** Of an executor's container beside its heap, as Spark sizes it on the cluster managers that have containers. */
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
  private def mebibytes(bytes: Long): Long = (bytes + (1L << 20) - 1) >> 20

  /** Above what tensors take at their peak, which is what the engine knows: with what the allocator keeps and oneDNN makes
    * for itself, processes took up to half as much again.
    */
  private[train] val Slack = 1.5
  private val UsableHeap = 0.8 // the rest is Spark's own, and garbage

  /** Bytes in the unit that fits. */
  def said(bytes: Long): String =
    if (bytes < (1L << 30)) s"${mebibytes(bytes)} MiB"
    else String.format(java.util.Locale.ROOT, "%.1f GiB", bytes.toDouble / (1L << 30))
}
