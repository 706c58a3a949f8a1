// Finds the worker of a partition in this executor, where it stays between rounds, or builds it from the partition's
// chunks. Like any cache it may lose entries: building a worker again takes time, and with solver state `local` its
// momentum is lost.
package io.firesteel.train.workers

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{FiresteelException, Json}
import io.firesteel.data.RecordFormat
import io.firesteel.jni.{Engine, Kind, NativeException, Worker}
import org.apache.spark.{SparkEnv, TaskContext}

/** @param run the name under which workers of this run and data set are kept
  * @param counts rows of each partition
  * @param executors the executor to which each worker is assigned, if it is assigned to one
  */
private[train] final case class WorkerCache(
    run: String,
    configJson: String,
    format: RecordFormat,
    counts: IndexedSeq[Long],
    executors: Map[Int, String] = Map.empty
) {

  /** The name for workers that have their rows but no normalizer yet. They are freed with the run, being below it. */
  private def loading: String = s"$run/loading"

  /** Runs `body` on a worker that has its rows. */
  def loaded[A](partition: Int, chunks: Iterator[Array[Byte]])(body: Worker => A): A =
    guarded(partition)(body(findLoaded(partition, chunks)))

  /** Runs `body` on a worker that is ready for rounds and evaluations. `chunks` is read only if it must be built. */
  def ready[A](partition: Int, chunks: Iterator[Array[Byte]], normalizer: Array[Float])(body: Worker => A): A =
    guarded(partition) {
      val worker = find(run, partition).getOrElse {
        val worker = findLoaded(partition, chunks)
        worker.prepare(normalizer)
        keep(worker, run, partition)
        worker
      }
      freeMoved(partition)
      body(worker)
    }

  private def findLoaded(partition: Int, chunks: Iterator[Array[Byte]]): Worker =
    find(loading, partition).getOrElse {
      val worker = CancelWatch.own(open(partition, counts(partition)))
      fill(worker, chunks)
      keep(worker, loading, partition)
      worker
    }

  /** A new worker with room for `rows` rows, and none yet. */
  def open(worker: Int, rows: Long): Worker = {
    val spec = Json.mapper.createObjectNode().put("worker", worker).put("rows", rows)
    spec.set[JsonNode]("config", Json.mapper.readTree(configJson))
    spec.set[JsonNode]("record", format.json)
    WorkerCache.gpuOfTask.foreach(spec.put("gpu", _))
    Worker.open(spec.toString)
  }

  /** Copies the rows of all `chunks` to the worker. */
  def fill(worker: Worker, chunks: Iterator[Array[Byte]]): Unit = DirectChunks.each(chunks, format)(worker.append)

  /** Frees workers of this executor that are assigned to other executors now. */
  private def freeMoved(partition: Int): Unit = if (executors.nonEmpty) {
    val own = executors.collect { case (worker, executor) if executor == SparkEnv.get.executorId => worker.toLong }
    val stay = (own.toSet + partition.toLong).toArray
    Seq(run, loading).foreach(Engine.retain(_, stay))
  }

  /** Keeps `worker` for later tasks. The run of a killed task may have ended, after which nothing would free it. */
  private def keep(worker: Worker, name: String, partition: Int): Unit =
    if (!TaskContext.get().isInterrupted()) worker.keep(name, partition)

  private def find(run: String, partition: Int): Option[Worker] = {
    val worker = Worker.find(run, partition)
    Option.when(worker.isPresent)(CancelWatch.own(worker.get))
  }

  private def guarded[A](partition: Int)(body: => A): A = {
    NativeLibrary.load()
    try body
    catch {
      case e: NativeException => throw new FiresteelException(e.kind, s"worker $partition: ${e.getMessage}", e)
    }
  }
}

private[train] object WorkerCache {

  /** The first GPU among the resources that Spark gave this task. */
  def gpuOfTask: Option[Int] =
    for {
      task <- Option(TaskContext.get())
      gpu <- task.resources().get("gpu")
      address <- gpu.addresses.headOption
    } yield address.toIntOption.getOrElse(
      throw new FiresteelException(Kind.CONFIG, s"gpu resource of the task: address $address is no number")
    )
}
