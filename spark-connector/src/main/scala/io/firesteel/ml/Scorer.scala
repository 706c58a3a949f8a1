// Predicts for the rows of a partition, many at a time: what `transform` runs in tasks.
package io.firesteel.ml

import io.firesteel.FiresteelException
import io.firesteel.data.{ImageRecords, RecordFormat}
import io.firesteel.jni.{Kind, Predictor}
import io.firesteel.train.workers.NativeLibrary
import java.nio.{ByteBuffer, ByteOrder}
import org.apache.spark.TaskContext
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.sql.Row
import org.slf4j.LoggerFactory

/** What a model needs to predict.
  *
  * @param id names it in the caches of processes
  * @param config resolved, as JSON
  */
private[ml] final case class ModelState(
    id: String,
    config: String,
    weights: Array[Float],
    normalizer: Array[Float]
) {

  /** What the model says of the rows of a chunk. */
  def predict(format: RecordFormat, chunk: Array[Byte], rows: Int): Predictor.Prediction =
    PredictorCache.using(id)(open()) { predictor =>
      val buffer = ByteBuffer.allocateDirect(chunk.length).order(ByteOrder.LITTLE_ENDIAN).put(chunk).flip()
      predictor.predict(format.json.toString, buffer, rows)
    }

  private def open(): Predictor = {
    NativeLibrary.load()
    Predictor.open(config, weights, normalizer)
  }
}

/** @param column index of the features
  * @param file index of a column that names the file of a row, if there is one
  * @param outputs makes the values that are appended to a row from its logits
  * @param nulls how many they are
  * @param reasons whether the reason why a row is no image is appended after them
  * @param badImages what happens to a row that is no image: fail, drop or null
  */
private[ml] final class Scorer(
    model: Broadcast[ModelState],
    features: ImageFeatures,
    column: Int,
    file: Option[Int],
    outputs: Array[Float] => Seq[Any],
    nulls: Int,
    reasons: Boolean,
    badImages: String
) extends Serializable {

  def apply(rows: Iterator[Row]): Iterator[Row] = new Iterator[Iterator[Row]] {
    private var before = 0L // rows of the partition before this batch

    def hasNext: Boolean = rows.hasNext

    def next(): Iterator[Row] = {
      val (batch, records) = (IndexedSeq.newBuilder[Row], IndexedSeq.newBuilder[(Long, Array[Byte])])
      var (count, bytes) = (0, 0L)
      while (rows.hasNext && count < Scorer.BatchRows && bytes < Scorer.BatchBytes) {
        val row = rows.next()
        val record = ImageRecords.record(0, features.image(row.get(column)))
        batch += row
        records += (before + count) -> record
        count += 1
        bytes += record.length
      }
      val scored = score(batch.result(), features.format().chunk(records.result()), before)
      before += count
      scored
    }
  }.flatten

  private def score(batch: IndexedSeq[Row], chunk: Array[Byte], before: Long): Iterator[Row] = {
    val predicted = model.value.predict(features.format(), chunk, batch.length)
    val (logits, refusals) = (predicted.logits, predicted.refusals)
    val classes = logits.length / batch.length
    def named(at: Int) = s"${name(batch(at), before + at)}: ${refusals(at)}"
    val bad = batch.indices.filter(refusals(_) != null)
    for (first <- bad.headOption) {
      if (badImages == "fail")
        throw new FiresteelException(
          Kind.DATA,
          s"${named(first)}: mend or remove it, or go on without such images with badImages drop (--bad-images drop)"
        )
      if (badImages == "drop")
        Scorer.log.warn(s"left out: ${bad.length} of ${batch.length} rows, which are no images, first ${named(first)}")
    }
    batch.iterator.zipWithIndex.flatMap { case (row, at) =>
      val why = refusals(at)
      def values =
        if (why == null) outputs(logits.slice(at * classes, (at + 1) * classes)) else Seq.fill(nulls)(null)
      Option.when(why == null || badImages == "null") {
        Row.fromSeq(row.toSeq ++ values ++ Option.when(reasons)(why))
      }
    }
  }

  /** The file of a row, or else where it is. */
  private def name(row: Row, number: Long): String = {
    val named = file.flatMap(at => Option(row.getString(at))).orElse(features.origin(row.get(column)))
    named.filter(_.nonEmpty).getOrElse(s"row $number of partition ${TaskContext.getPartitionId()}")
  }
}

private[ml] object Scorer {
  private val log = LoggerFactory.getLogger(getClass)

  /** A batch ends with the row that brings it to one of these. */
  private val BatchRows = 512
  private val BatchBytes = 8L << 20
}
