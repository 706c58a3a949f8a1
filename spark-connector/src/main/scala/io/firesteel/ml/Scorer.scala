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

  /** The logits of the rows of a chunk, rows x classes; NaN for what is no image. */
  def logits(format: RecordFormat, chunk: Array[Byte], rows: Int): Array[Float] =
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
  * @param nulls how many values are appended
  * @param badImages what happens to a row that is no image: fail, drop or null
  */
private[ml] final class Scorer(
    model: Broadcast[ModelState],
    features: ImageFeatures,
    column: Int,
    file: Option[Int],
    outputs: Array[Float] => Seq[Any],
    nulls: Int,
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
    val logits = model.value.logits(features.format(), chunk, batch.length)
    val classes = logits.length / batch.length
    batch.iterator.zipWithIndex.flatMap { case (row, at) =>
      val own = logits.slice(at * classes, (at + 1) * classes)
      if (!own.forall(_.isNaN)) Some(Row.fromSeq(row.toSeq ++ outputs(own)))
      else
        badImages match {
          case "drop" => None
          case "null" => Some(Row.fromSeq(row.toSeq ++ Seq.fill(nulls)(null)))
          case _      => throw new FiresteelException(Kind.DATA, refusal(row, before + at))
        }
    }
  }

  private def refusal(row: Row, number: Long): String = {
    val named = file.flatMap(at => Option(row.getString(at))).orElse(features.origin(row.get(column)))
    val where = named.filter(_.nonEmpty).getOrElse {
      s"row $number of partition ${TaskContext.getPartitionId()}"
    }
    s"$where: the features are null or no image: set badImages to drop or null to go on without them"
  }
}

private[ml] object Scorer {

  /** A batch ends with the row that brings it to one of these. */
  private val BatchRows = 512
  private val BatchBytes = 8L << 20
}
