// How long a local step takes on the driver, for an estimate before a comparison begins.
package io.firesteel.train.workers

import io.firesteel.{Json, TrainConfig}
import io.firesteel.data.ImageSource
import io.firesteel.jni.Engine
import io.firesteel.tensors.PackedVector
import scala.util.Using

private[firesteel] object StepTime {
  private val WarmUp = 2L // steps: the first ones compile kernels and allocate
  private val Measured = 3L

  /** Seconds of a step on a minibatch of the first rows of `source`.
    *
    * @param config completed
    */
  def seconds(source: ImageSource, config: TrainConfig): Double = {
    NativeLibrary.load()
    val (json, rows) = (config.toJson, source.records.take(config.batch.get))
    val digest = Json.text(Json.mapper.readTree(Engine.describe(json)), "digest")
    val cache = WorkerCache("step time", json, source.format, IndexedSeq(rows.length.toLong))
    Using.resource(cache.open(0, rows.length.toLong)) { worker =>
      cache.fill(worker, Iterator(source.format.chunk(rows.toSeq)))
      val statistics = worker.statistics()
      worker.prepare(Engine.normalizer(json, statistics))
      val weights = PackedVector(Engine.initialWeights(json, statistics)).bytes
      def take(steps: Long): Double = {
        val request = RoundRequest(digest, 0, 0, 0, steps, "reset")
        val report = worker.round(Array(weights), request.json, Array(new Array[Byte](weights.length)))
        Json.real(Json.mapper.readTree(report), "seconds")
      }
      take(WarmUp)
      take(Measured) / Measured
    }
  }
}
