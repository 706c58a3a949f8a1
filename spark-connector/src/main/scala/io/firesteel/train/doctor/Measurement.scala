// How fast a process trains and decodes, measured for a few seconds in calls of the engine, without a data set.
package io.firesteel.train.doctor

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.data.{ImageRecords, RecordFormat}
import io.firesteel.jni.{Engine, Worker}
import io.firesteel.tensors.PackedVector
import io.firesteel.train.run.Plan
import io.firesteel.train.workers.RoundRequest
import io.firesteel.{Json, TrainConfig}
import java.nio.{ByteBuffer, ByteOrder}
import scala.util.{Random, Using}

private[doctor] object Measurement {
  private val Steps = 5 // of a round
  private val TrainNanos = 2000000000L
  private val DecodeNanos = 1000000000L
  private val Rows = 256 // at least
  private val DecodedSide = 64 // pixels

  /** Images a second of one worker with a resolved configuration. A first round is not counted. */
  def trained(config: String): Double = {
    val plan = Plan.described(config)
    val rows = math.max(Rows, plan.config.batch.get)
    Using.resource(open(config, rows)) { worker =>
      worker.append(chunkOf(config, rows), rows)
      val statistics = worker.statistics()
      worker.prepare(Engine.normalizer(config, statistics))
      val start = PackedVector(Engine.initialWeights(config, statistics)).bytes
      val result = start.clone()
      def round(number: Int) = {
        val first = (number - 1L) * Steps
        val request = RoundRequest(plan.digest, number, first, first, Steps, "reset")
        val report = Json.mapper.readTree(worker.round(Array(start), request.json, Array(result)))
        (Json.whole(report, "samples"), Json.real(report, "seconds"))
      }
      round(1)
      val begin = System.nanoTime()
      val rounds = Iterator.from(2).map(round).takeWhile(_ => System.nanoTime() - begin < TrainNanos).toSeq
      // a single round may take longer than that
      val (samples, seconds) = (if (rounds.isEmpty) Seq(round(2)) else rounds).unzip
      samples.sum / seconds.sum
    }
  }

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
