// The events of a fit as a DataFrame. A client of Spark Connect may ask the server for registered transformers and for little
// else, and it may do so while a fit is under way.
package io.firesteel.ml

import org.apache.spark.ml.Transformer
import org.apache.spark.ml.param.{BooleanParam, IntParam, Param, ParamMap, ParamValidators}
import org.apache.spark.ml.util.{DefaultParamsReadable, DefaultParamsWritable, Identifiable}
import org.apache.spark.sql.types.{IntegerType, StringType, StructType}
import org.apache.spark.sql.{DataFrame, Dataset, Row}
import scala.jdk.CollectionConverters._

/** Tells the events of a fit in this process: columns `number`, from 0, and `event`, a JSON object as
  * of `metrics.jsonl`. The DataFrame that it transforms is not read. There are no rows if no such fit is known: the
  * latest 16 are.
  */
final class FitEvents(override val uid: String) extends Transformer with DefaultParamsWritable {
  def this() = this(Identifiable.randomUID("events"))

  /** @group param */
  val fit: Param[String] = new Param(this, "fit", "fitId of the fit, or the uid of its estimator if it has none")

  /** @group param */
  val since: IntParam = new IntParam(this, "since", "number of the first event that is wanted", ParamValidators.gtEq(0))

  /** @group param */
  val stop: BooleanParam = new BooleanParam(this, "stop", "whether the fit is to end, as a listener ends it")

  setDefault(since -> 0, stop -> false)

  /** @group setParam */
  def setFit(value: String): this.type = set(fit, value)

  /** @group setParam */
  def setSince(value: Int): this.type = set(since, value)

  /** @group setParam */
  def setStop(value: Boolean): this.type = set(stop, value)

  override def transformSchema(schema: StructType): StructType = FitEvents.Schema

  override def transform(dataset: Dataset[_]): DataFrame = {
    val log = FitLog.of($(fit))
    if ($(stop)) log.foreach(_.stop())
    val rows = log.toSeq.flatMap(_.since($(since))).map { case (number, event) => Row(number, event) }
    dataset.sparkSession.createDataFrame(rows.asJava, FitEvents.Schema)
  }

  override def copy(extra: ParamMap): FitEvents = defaultCopy(extra)
}

object FitEvents extends DefaultParamsReadable[FitEvents] {
  private val Schema =
    new StructType().add("number", IntegerType, nullable = false).add("event", StringType, nullable = false)

  override def load(path: String): FitEvents = super.load(path)
}
