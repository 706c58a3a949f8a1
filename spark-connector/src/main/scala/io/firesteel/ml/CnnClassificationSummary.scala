// What is known of a fit: the events of its run, and how well the model does on the rows that it was trained with.
package io.firesteel.ml

import io.firesteel._
import java.io.{ByteArrayInputStream, ByteArrayOutputStream, ObjectInputStream, ObjectOutputStream}
import org.apache.spark.ml.classification.firesteel.FitSummary
import org.apache.spark.mllib.evaluation.MulticlassMetrics
import org.apache.spark.sql.functions.{col, udf}
import org.apache.spark.sql.types._
import org.apache.spark.sql.{DataFrame, Dataset, Row}
import scala.collection.mutable
import scala.jdk.CollectionConverters._
import scala.util.Using

/** The summary of a training run. Its metrics (`accuracy` and those below it) are of the DataFrame that was fitted,
  * validation rows included; they are computed when they are asked for first, which predicts for all its rows.
  *
  * @param predicted what the model's `transform` makes of that DataFrame
  */
final class CnnClassificationSummary private[ml] (
    events: Seq[TrainEvent],
    predicted: => DataFrame,
    labels: Labels,
    val labelCol: String,
    val predictionCol: String,
    nullLabels: Long
) extends FitSummary {
  private def of[A](implicit tag: reflect.ClassTag[A]): Seq[A] = events.collect { case e: A => e }
  private def end: Ended = of[Ended].head

  private[ml] def bytes: Array[Byte] = {
    val bytes = new ByteArrayOutputStream
    Using.resource(new ObjectOutputStream(bytes))(
      _.writeObject(CnnClassificationSummary.Kept(events, labelCol, nullLabels))
    )
    bytes.toByteArray
  }

  /** What the model's `transform` makes of the DataFrame that was fitted. */
  lazy val predictions: DataFrame = predicted

  /** The mean training loss of each round; of asynchronous strategies, of each exchange. */
  override def objectiveHistory: Array[Double] = {
    val rounds = of[RoundDone].map(_.loss)
    (if (rounds.nonEmpty) rounds else of[ExchangeDone].map(_.loss)).toArray
  }

  /** Rounds of the run. */
  override def totalIterations: Int = end.rounds

  /** Those of them that an earlier fit did, from whose checkpoint this one went on; 0 if it began anew. `objectiveHistory` and
    * `history` begin after them.
    */
  def completedRounds: Int = of[Started].head.completedRounds

  /** Minibatches' rows that were trained on, repeats counted. */
  def samples: Long = end.samples

  /** Wall-clock seconds of training; `wallSeconds` has evaluations and checkpoints, too. */
  def seconds: Double = end.seconds
  def wallSeconds: Double = end.wallSeconds

  /** Images a second over the whole training. */
  def imagesPerSecond: Double = end.imagesPerSecond

  /** Bytes of vectors that were exchanged, in both directions. */
  def exchangedBytes: Long = end.exchanges.fold(of[RoundDone].map(_.exchangeBytes).sum)(_.bytes)

  /** What was lost during the run, and what was done about it. */
  def faults: Array[String] = of[Fault].map(fault => s"round ${fault.round}: ${fault.what}: ${fault.action}").toArray

  /** Rows that were left out because they are no images or have no label, described in words. */
  def dropped: Array[String] = {
    val unlabelled = Option.when(nullLabels > 0)(s"left out: $nullLabels rows in which label column $labelCol is null")
    (of[ImagesDropped].map(_.text) ++ unlabelled).toArray
  }

  /** Accuracy and loss of the last evaluation of the validation rows, if there are any. */
  def validationAccuracy: Option[Double] = end.accuracy
  def validationLoss: Option[Double] = end.loss

  /** The round after which the validation rows had the highest accuracy, and that accuracy; the first of several. */
  def bestRound: Option[Int] = end.bestRound
  def bestAccuracy: Option[Double] = end.bestAccuracy

  /** Why the run ended: `budget`, `patience` or `stopped`. */
  def endReason: String = end.reason.name

  /** One row for each round, exchange and evaluation in their order: `event`, `round`, `samples`, `seconds`, `loss`,
    * `accuracy`, `images_per_second`. A value that an event does not have is null.
    */
  def history: DataFrame = {
    val rows = events.collect {
      case e: RoundDone    => Row("round", e.round, e.samples, e.seconds, e.loss, null, e.imagesPerSecond)
      case e: ExchangeDone => Row("exchange", null, e.totalSamples, e.seconds, e.loss, null, null)
      case e: Evaluated    => Row("eval", e.round, e.samples, e.seconds, e.loss, e.accuracy, null)
    }
    predictions.sparkSession.createDataFrame(rows.asJava, CnnClassificationSummary.History)
  }

  private lazy val metrics = {
    val classes = labels // the function must not take the summary, with the model, into tasks
    val numbered = predictions.schema(labelCol).dataType match {
      case StringType => udf((name: String) => classes.number(name).toDouble).apply(col(Columns.quoted(labelCol)))
      case _          => col(Columns.quoted(labelCol)).cast(DoubleType)
    }
    val rows = predictions.select(col(Columns.quoted(predictionCol)), numbered).na.drop().rdd
    new MulticlassMetrics(rows.map(row => (row.getDouble(0), row.getDouble(1))))
  }

  /** Fraction of the rows whose prediction is their label. */
  def accuracy: Double = metrics.accuracy

  /** The numbers of the classes that occur, in the order of the arrays below. */
  def labelNumbers: Array[Double] = metrics.labels
  def precisionByLabel: Array[Double] = metrics.labels.map(metrics.precision)
  def recallByLabel: Array[Double] = metrics.labels.map(metrics.recall)
  def fMeasureByLabel: Array[Double] = metrics.labels.map(metrics.fMeasure)
  def weightedPrecision: Double = metrics.weightedPrecision
  def weightedRecall: Double = metrics.weightedRecall
  def weightedFMeasure: Double = metrics.weightedFMeasure
}

private[ml] object CnnClassificationSummary {

  /** What is not made anew from the model and the DataFrame. */
  private final case class Kept(events: Seq[TrainEvent], labelCol: String, nullLabels: Long)

  /** @param dataset the DataFrame that was fitted */
  def of(
      events: Seq[TrainEvent],
      dataset: Dataset[_],
      model: CnnClassificationModel,
      labelCol: String,
      nullLabels: Long
  ): CnnClassificationSummary = {
    val labels = model.content.labels
    new CnnClassificationSummary(events, model.transform(dataset), labels, labelCol, model.getPredictionCol, nullLabels)
  }

  def read(bytes: Array[Byte], dataset: DataFrame, model: CnnClassificationModel): CnnClassificationSummary = {
    val kept = Using.resource(new ObjectInputStream(new ByteArrayInputStream(bytes)))(_.readObject()).asInstanceOf[Kept]
    of(kept.events, dataset, model, kept.labelCol, kept.nullLabels)
  }

  private val History = new StructType()
    .add("event", StringType, nullable = false)
    .add("round", IntegerType)
    .add("samples", LongType, nullable = false)
    .add("seconds", DoubleType, nullable = false)
    .add("loss", DoubleType)
    .add("accuracy", DoubleType)
    .add("images_per_second", DoubleType)
}

/** Keeps the events of a run. */
private[ml] final class SummaryListener extends TrainListener {
  private val events = mutable.ArrayBuffer.empty[TrainEvent]

  override def event(e: TrainEvent): Unit = synchronized(events += e)

  /** Why the run ended, once it has. */
  def endReason: EndReason = synchronized(events.collectFirst { case e: Ended => e.reason }.get)

  /** @param nullLabels rows that were left out because they have no label */
  def result(
      dataset: Dataset[_],
      model: CnnClassificationModel,
      labelCol: String,
      nullLabels: Long
  ): CnnClassificationSummary =
    CnnClassificationSummary.of(synchronized(events.toSeq), dataset, model, labelCol, nullLabels)
}
