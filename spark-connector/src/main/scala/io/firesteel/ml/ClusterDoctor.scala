// The examination of a cluster as a DataFrame, for Python and for clients of Spark Connect, which may ask the server for
// registered transformers.
package io.firesteel.ml

import io.firesteel.TrainConfig
import org.apache.spark.ml.Transformer
import org.apache.spark.ml.param.{Param, ParamMap}
import org.apache.spark.ml.util.{DefaultParamsReadable, DefaultParamsWritable, Identifiable}
import org.apache.spark.sql.types.{StringType, StructType}
import org.apache.spark.sql.{DataFrame, Dataset, Row}
import scala.jdk.CollectionConverters._

/** Does what [[Firesteel.doctor]] does; the DataFrame that it transforms is not read. The result has one row: column `text`
  * is the table, `json` the same for programs.
  */
final class ClusterDoctor(override val uid: String) extends Transformer with DefaultParamsWritable {
  def this() = this(Identifiable.randomUID("doctor"))

  /** @group param */
  val settings: Param[String] =
    new Param(this, "settings", "JSON object of the settings of the run that is to fit (default: an empty one)")

  setDefault(settings -> "{}")

  /** @group setParam */
  def setSettings(value: String): this.type = set(settings, value)

  override def transformSchema(schema: StructType): StructType = ClusterDoctor.Schema

  override def transform(dataset: Dataset[_]): DataFrame = {
    val found = Firesteel.doctor(dataset.sparkSession, TrainConfig.fromJson($(settings)))
    dataset.sparkSession.createDataFrame(Seq(Row(found.text, found.json)).asJava, ClusterDoctor.Schema)
  }

  override def copy(extra: ParamMap): ClusterDoctor = defaultCopy(extra)
}

object ClusterDoctor extends DefaultParamsReadable[ClusterDoctor] {
  private val Schema =
    new StructType().add("text", StringType, nullable = false).add("json", StringType, nullable = false)

  override def load(path: String): ClusterDoctor = super.load(path)
}
