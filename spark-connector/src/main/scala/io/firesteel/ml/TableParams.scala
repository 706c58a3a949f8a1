// How a row of the table of settings (rust-core/engine/src/config/table.rs) becomes a Param of Spark ML: its name, text,
// default and limits are the table's. A value is passed on only if it was set, so that the engine knows what was asked for
// and completes the rest.
package io.firesteel.ml

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}
import io.firesteel.{Schema, SettingRow}
import org.apache.spark.ml.param._

private[ml] trait TableParams extends Params {
  protected final def text(key: String): Param[String] = {
    val row = TableParams.row(key)
    def valid(value: String) = row.names.isEmpty || row.names.contains(value)
    val param = new Param[String](this, row.camelCase, TableParams.doc(row), valid _)
    withDefault[String, Param[String]](param, row)(_.asText)
  }

  protected final def whole(key: String): IntParam = {
    val row = TableParams.row(key)
    val param = new IntParam(this, row.camelCase, TableParams.doc(row), (value: Int) => row.limits.contain(value))
    withDefault[Int, IntParam](param, row)(_.asInt)
  }

  protected final def long(key: String): LongParam = {
    val row = TableParams.row(key)
    val param =
      new LongParam(this, row.camelCase, TableParams.doc(row), (value: Long) => row.limits.contain(value.toDouble))
    withDefault[Long, LongParam](param, row)(_.asLong)
  }

  protected final def wholes(key: String): IntArrayParam = {
    val row = TableParams.row(key)
    new IntArrayParam(
      this,
      row.camelCase,
      TableParams.doc(row),
      (values: Array[Int]) => values.forall(row.limits.contain(_))
    )
  }

  protected final def real(key: String): DoubleParam = {
    val row = TableParams.row(key)
    val param = new DoubleParam(this, row.camelCase, TableParams.doc(row), (value: Double) => row.limits.contain(value))
    withDefault[Double, DoubleParam](param, row)(_.asDouble)
  }

  protected final def flag(key: String): BooleanParam = {
    val row = TableParams.row(key)
    withDefault[Boolean, BooleanParam](new BooleanParam(this, row.camelCase, TableParams.doc(row)), row)(_.asBoolean)
  }

  private def withDefault[A, P <: Param[A]](param: P, row: SettingRow)(read: JsonNode => A): P = {
    row.default.foreach(value => setDefault(param, read(value)))
    param
  }

  /** The settings that were set, as the engine's configuration has them. */
  private[ml] def asked: ObjectNode = {
    val json = JsonNodeFactory.instance.objectNode()
    for (row <- TableParams.rows; param = getParam(row.camelCase); value <- get(param))
      value match {
        case text: String       => json.put(row.key, text)
        case whole: Int         => json.put(row.key, whole)
        case long: Long         => json.put(row.key, long)
        case real: Double       => json.put(row.key, real)
        case flag: Boolean      => json.put(row.key, flag)
        case wholes: Array[Int] => wholes.foreach(json.withArray(row.key).add(_))
        case other              => throw new MatchError(other)
      }
    json
  }
}

private[ml] object TableParams {

  /** What an estimator says otherwise: its data are a DataFrame, its result is a model, and what is in `checkpointDir` decides
    * whether it resumes. `badImages` is one of `CnnParams`.
    */
  private val Others = Set("data", "dataset", "classes", "validation", "bad-images", "out", "resume")

  /** The settings that are Params. */
  val rows: Seq[SettingRow] = Schema.settings.filterNot(row => Others(row.key))

  private def row(key: String): SettingRow = rows.find(_.key == key).get

  private val CommandLineOption = "--([a-z][a-z0-9-]*)".r

  /** The help text, in which other settings have the names of Params. */
  def doc(row: SettingRow): String =
    CommandLineOption.replaceAllIn(row.help, option => Schema.camelCase(option.group(1)))
}
