// The table of a model's predictions, and the count of the rows that are no images.
package io.firesteel.driver

import io.firesteel.ml.CnnClassificationModel
import io.firesteel.sources.Unlabelled
import org.apache.spark.ml.functions.vector_to_array
import org.apache.spark.sql.functions.{col, element_at, typedLit}
import org.apache.spark.sql.{Column, DataFrame, Row}

/** @param images of [[Unlabelled]]
  * @param each whether each image is a file of its own, so that the file says which it is; else the row number does, too
  * @param every whether the probabilities of all classes are told
  * @param drops whether rows that are no images are left out and counted; else the first one ends the job
  */
private[driver] final class Predictions(
    model: CnnClassificationModel,
    images: DataFrame,
    each: Boolean,
    every: Boolean,
    drops: Boolean
) {
  import Predictions._

  private val tally = new Tally
  images.sparkSession.sparkContext.register(tally)

  /** A row for each image in the order of the files: `file`, `row` unless each image is a file of its own, `prediction` (the
    * number of a class), `label` (its name, if the model knows it), `probability` (of this class) and perhaps `probabilities`
    * (of all classes in the order of their numbers). It may be read once, for [[predicted]] counts its rows.
    */
  def table: DataFrame = {
    val scored = model
      .setFeaturesCol(Unlabelled.Image)
      .setRawPredictionCol("")
      .setProbabilityCol(Probabilities)
      .setPredictionCol(Prediction)
      .setBadImages(if (drops) "null" else "fail")
      .setBadImageCol(Why)
      .transform(images)
    val number = col(Prediction).cast("int")
    val columns = Seq[Column](
      col(Unlabelled.File),
      col(Unlabelled.Row),
      number.as(Prediction),
      label(number).as(Label),
      col(Probabilities),
      col(Why)
    )
    val counted = tally // the function must not take this object, with the model, into tasks
    val kept = scored.select(columns: _*).filter { (row: Row) =>
      val bad = !row.isNullAt(WhyAt)
      counted.add(Counts.of(row.getString(FileAt), row.getLong(RowAt), if (bad) Some(row.getString(WhyAt)) else None))
      !bad
    }
    val named = if (model.content.labels.names.isEmpty) Nil else Seq(col(Label))
    val placed = if (each) Nil else Seq(col(Unlabelled.Row))
    val all = if (every) Seq(col(Probabilities)) else Nil
    val array = vector_to_array(col(Probabilities)) // which takes no null
    val probability = element_at(col(Probabilities), col(Prediction) + 1).as("probability")
    kept
      .withColumn(Probabilities, array)
      .select((col(Unlabelled.File) +: placed :+ col(Prediction)) ++ named ++ (probability +: all): _*)
  }

  /** The images in the rows of the table, once it was read. */
  def predicted: Long = tally.value.images

  /** A line about the rows that were left out, if there are any, once the table was read. */
  def left: Option[String] = tally.value.first.map { case (_, text) =>
    s"left out: ${tally.value.bad} that ${if (tally.value.bad == 1) "is no image" else "are no images, first"} $text"
  }

  private def label(number: Column): Column = {
    val names = model.content.labels.names
    if (names.isEmpty) typedLit[Option[String]](None) else element_at(typedLit(names.toSeq), number + 1)
  }
}

private[driver] object Predictions {
  private val Prediction = "prediction"
  private val Label = "label"
  private val Probabilities = "probabilities"
  private val Why = "why"

  // columns before some of them are left out
  private val FileAt = 0
  private val RowAt = 1
  private val WhyAt = 5
}
