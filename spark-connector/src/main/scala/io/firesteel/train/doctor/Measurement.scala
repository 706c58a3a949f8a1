// How fast a process trains and decodes, measured for a few seconds in calls of the engine, without a data set.
package io.firesteel.train.doctor

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.data.{ImageRecords, RecordFormat}
import io.firesteel.jni.{Engine, Worker}
import io.firesteel.tensors.PackedVector
import io.firesteel.train.run.Plan
import io.firesteel.train.workers.RoundRequest
import io.firesteel.{Json, TrainConfig}
import java.nio.{ByteBuffer, ByteOrder}
import scala.util.{Random, Using}

private[doctor] object Measurement {
  private val FirstBatch = 16 // images, from which the time of more is estimated
  private val MostBatch = 512 // images; a larger minibatch is as fast
  private val TrainNanos = 2000000000L
  private val DecodeNanos = 1000000000L
  private val Rows = 256 // at least
  private val DecodedSide = 64 // pixels

  /** Images a second of one worker with a resolved configuration, and the images of the minibatches that were measured: those
    * that were asked for, or fewer where these would take longer than there is time, or are more than `MostBatch`.
    */
  def trained(config: String): (Double, Int) = {
    val asked = TrainConfig.fromJson(config).batch.get
    val first = math.min(asked, FirstBatch)
    val affordable = stepped(withBatch(config, first), 0) * TrainNanos / 1e9
    val batch = math.min(math.min(asked, MostBatch), math.max(first, affordable.toInt))
    (stepped(withBatch(config, batch), TrainNanos), batch)
  }

  /** Images a second in steps for so long, one at least. The step before them is not counted. */
  private def stepped(config: String, nanos: Long): Double = {
    val plan = Plan.described(config)
    val rows = math.max(Rows, plan.config.batch.get)
    Using.resource(open(config, rows)) { worker =>
      worker.append(chunkOf(config, rows), rows)
      val statistics = worker.statistics()
      worker.prepare(Engine.normalizer(config, statistics))
      val start = PackedVector(Engine.initialWeights(config, statistics)).bytes
      val result = start.clone()
      def step(number: Int): (Long, Double) = {
        val request = RoundRequest(plan.digest, number, number - 1L, number - 1L, 1, "reset")
        val report = Json.mapper.readTree(worker.round(Array(start), request.json, Array(result)))
        (Json.whole(report, "samples"), Json.real(report, "seconds"))
      }
      step(1)
      val begin = System.nanoTime()
      val later = Iterator.from(3).takeWhile(_ => System.nanoTime() - begin < nanos).map(step)
      val (samples, seconds) = (step(2) +: later.toSeq).unzip
      samples.sum / seconds.sum
    }
  }

  private def withBatch(config: String, batch: Int): String =
    Json.mapper.readTree(config).asInstanceOf[ObjectNode].put("batch", batch).toString

  /** JPEG files of 256 x 256 pixels a second that a worker decodes, on its one thread. */
  def decoded(): Double = {
    val config = Engine.resolve(
      s"""{"config":{"net":"resnet18","dataset":"images","size":$DecodedSide,"batch":1,"iterations":1,"workers":1,"precision":"f32"},
         |"facts":{"rows":$Rows,"classes":10,"encoded":true}}""".stripMargin
    )
    val chunk = chunkOf(config, Rows)
    var (images, nanos) = (0L, 0L)
    while (nanos < DecodeNanos) Using.resource(open(config, Rows)) { worker =>
      val begin = System.nanoTime()
      worker.append(chunk, Rows)
      images += Rows
      nanos += System.nanoTime() - begin
    }
    images / (nanos / 1e9)
  }

  private def open(config: String, rows: Int): Worker = {
    val spec = Json.mapper.createObjectNode()
    spec.put("worker", 0).put("rows", rows)
    spec.set[JsonNode]("config", Json.mapper.readTree(config))
    spec.set[JsonNode]("record", formatOf(TrainConfig.fromJson(config)).json)
    Worker.open(spec.toString)
  }

  /** So many rows of noise, or of the photograph if the configuration is for image files. */
  private def chunkOf(config: String, rows: Int): ByteBuffer = {
    val format = formatOf(TrainConfig.fromJson(config))
    val chunk = format.chunk(records(format, rows))
    ByteBuffer.allocateDirect(chunk.length).put(chunk).flip().order(ByteOrder.LITTLE_ENDIAN)
  }

  /** The records of the data set that a configuration names: image files, or else CIFAR-10's. */
  def formatOf(config: TrainConfig): RecordFormat =
    if (config.dataset.contains("images")) RecordFormat.Encoded() else RecordFormat.Cifar10

  private def records(format: RecordFormat, rows: Int): Seq[(Long, Array[Byte])] = {
    val random = new Random(0)
    (0 until rows).map { row =>
      val record = format match {
        case RecordFormat.Cifar10 =>
          val bytes = random.nextBytes(RecordFormat.Cifar10.bytes)
          bytes(0) = (row % 10).toByte
          bytes
        case _ => ImageRecords.record(row % 10, photograph)
      }
      row.toLong -> record
    }
  }

  /** Of testdata/make-photograph.py. */
  private lazy val photograph: Array[Byte] =
    Using.resource(getClass.getResourceAsStream("photograph.jpg"))(_.readAllBytes())
}
