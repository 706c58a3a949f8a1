// Training under a virtual clock: a run is one Spark task, which trains all its workers one after the other in native
// code. docs/simulation.md says what is simulated.
package io.firesteel.train.simulation

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{FiresteelException, JobDescription, Json, TrainConfig}
import io.firesteel.data.{ImageSource, PartitionedRows, RecordFormat}
import io.firesteel.jni.{NativeException, Simulation}
import io.firesteel.train.RunSettings
import io.firesteel.train.faults.Cancellation
import io.firesteel.train.workers.{BadImages, CancelWatch, DirectChunks, NativeLibrary}
import org.apache.spark.SparkContext
import org.apache.spark.rdd.RDD

/** All rows of a data set in one partition, in the order of the files, which several simulated runs read. */
private[firesteel] final class SimulationRows private (
    val train: ImageSource,
    val test: Option[ImageSource],
    trainRows: PartitionedRows,
    testRows: Option[PartitionedRows],
    nothing: RDD[Array[Byte]]
) extends AutoCloseable {

  /** What `task` makes of the chunks of both. */
  private[simulation] def apply(task: SimulationTask): SimulationEnd =
    trainRows.chunks.zipPartitions(testRows.fold(nothing)(_.chunks))((a, b) => Iterator(task(a, b))).collect().head

  def close(): Unit = {
    trainRows.unpersist()
    testRows.foreach(_.unpersist())
  }
}

private[firesteel] object SimulationRows {
  def of(sc: SparkContext, train: ImageSource, test: Option[ImageSource]): SimulationRows = {
    def whole(source: ImageSource) = PartitionedRows.build(source, partitions = 1, seed = 0)
    val evaluated = test.filter(_.rows > 0)
    val nothing = sc.parallelize(Seq.empty[Array[Byte]], 1)
    JobDescription(sc, "divide the rows") {
      new SimulationRows(train, evaluated, whole(train), evaluated.map(whole), nothing)
    }
  }
}

/** What a task tells of a run.
  *
  * @param bad rows of the training set and of the evaluated one that are no images, as `BadImages.read` reads them
  * @param summary as of `Simulation.run`; none if the run did not begin, because there are such rows
  */
private[simulation] final case class SimulationEnd(bad: Seq[String], summary: Option[String])

private[simulation] final case class SimulationTask(
    spec: String,
    format: RecordFormat,
    evaluates: Boolean,
    drops: Boolean
) {
  def apply(train: Iterator[Array[Byte]], test: Iterator[Array[Byte]]): SimulationEnd = {
    NativeLibrary.load()
    try {
      val simulation = CancelWatch.own(Simulation.open(spec))
      DirectChunks.each(train, format)((records, rows) => simulation.append(false, records, rows))
      if (evaluates) DirectChunks.each(test, format)((records, rows) => simulation.append(true, records, rows))
      val bad = simulation.badImages(false) +: Option.when(evaluates)(simulation.badImages(true)).toSeq
      val begins = drops || bad.forall(rows => BadImages.read(Seq(rows)).count == 0)
      SimulationEnd(bad, Option.when(begins)(simulation.run()))
    } catch { case e: NativeException => throw new FiresteelException(e.kind, e.getMessage, e) }
  }
}

private[firesteel] object SimulatedTraining {

  /** The keys of a cluster, which a test compares with `Simulation.defaults`. */
  val Keys: Seq[String] = Seq(
    "step-seconds",
    "measure-steps",
    "speed",
    "speed-spread",
    "jitter",
    "straggler-probability",
    "straggler-factor",
    "mtbf",
    "restart",
    "bandwidth",
    "latency",
    "server-bandwidth",
    "spark-round",
    "fold-rate",
    "delay"
  )

  /** A configuration, not completed yet, with what a cluster would decide.
    *
    * @throws FiresteelException of kind config for a run that is not simulated
    */
  def decided(config: TrainConfig): TrainConfig = TrainConfig.fromJson(native(Simulation.decided(config.toJson)))

  /** The cluster of which `asked` says some numbers, checked, with all of them.
    *
    * @param config completed, with the length of the run
    * @throws FiresteelException of kind config for a wrong number, or a run that cannot be on that cluster
    */
  def cluster(config: TrainConfig, asked: ObjectNode): ObjectNode =
    Json.mapper.readTree(native(Simulation.cluster(config.toJson, asked.toString))).asInstanceOf[ObjectNode]

  /** The summary of a run, as of `Simulation.run`. It takes one task slot, and may be called by several threads.
    *
    * @param what names the run in Spark's web UI
    * @throws FiresteelException as of `Training.train`
    */
  def run(sc: SparkContext, rows: SimulationRows, config: TrainConfig, cluster: ObjectNode, what: String): JsonNode =
    FiresteelException.unwrapping(Cancellation.told(RunSettings.within(sc) {
      val spec = Json.mapper.createObjectNode()
      spec.set[JsonNode]("config", Json.mapper.readTree(config.toJson))
      spec.set[JsonNode]("cluster", cluster)
      spec.set[JsonNode]("record", rows.train.format.json)
      spec.put("train-rows", rows.train.rows)
      rows.test.foreach(test => spec.put("test-rows", test.rows))
      val policy = config.badImages
      val task = SimulationTask(spec.toString, rows.train.format, rows.test.nonEmpty, policy == "drop")
      val end = JobDescription(sc, what)(Cancellation.jobs(sc)(rows(task)))
      for ((bad, source) <- end.bad.zip(rows.train +: rows.test.toSeq)) BadImages.read(Seq(bad)).checked(source, policy)
      Json.mapper.readTree(end.summary.get)
    }))

  private def native(call: => String): String = {
    NativeLibrary.load()
    try call
    catch { case e: NativeException => throw new FiresteelException(e.kind, e.getMessage, e) }
  }
}
