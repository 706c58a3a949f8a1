// The columns that Params name: those that are read, checked, and those that are appended.
package io.firesteel.ml

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.ml.linalg.SQLDataTypes
import org.apache.spark.sql.Column
import org.apache.spark.sql.functions.{coalesce, col, lit}
import org.apache.spark.sql.types._

/** All methods throw a FiresteelException of kind config for a column that is missing or of a wrong type. */
private[ml] object Columns {
  def find(schema: StructType, name: String, param: String): StructField =
    schema.fields.find(_.name == name).getOrElse {
      fail(s"$param is $name, and there is no such column, only ${schema.fieldNames.mkString(", ")}")
    }

  /** A column's name with its dots. */
  def quoted(name: String): String = s"`${name.replace("`", "``")}`"

  /** Labels as strings or doubles. */
  def label(field: StructField): Column = field.dataType match {
    case StringType                   => col(quoted(field.name))
    case _: NumericType | BooleanType => col(quoted(field.name)).cast(DoubleType)
    case other                        =>
      fail(s"label column ${field.name} is of type ${other.simpleString}: numbers and strings are labels")
  }

  /** Whether a row is evaluated and not learnt; no row is, if there is no such column. */
  def held(schema: StructType, params: CnnParams): Column =
    params.get(params.validationIndicatorCol).fold(lit(false)) { name =>
      val field = find(schema, name, "validationIndicatorCol")
      if (field.dataType != BooleanType)
        fail(s"validationIndicatorCol $name is of type ${field.dataType.simpleString}, not boolean")
      coalesce(col(quoted(name)), lit(false))
    }

  /** The weights as doubles, if there is such a column. */
  def weight(schema: StructType, params: CnnParams): Option[Column] =
    params.get(params.weightCol).filter(_.nonEmpty).map { name =>
      val field = find(schema, name, "weightCol")
      if (!field.dataType.isInstanceOf[NumericType])
        fail(s"weightCol $name is of type ${field.dataType.simpleString}, not a number")
      col(quoted(name)).cast(DoubleType)
    }

  /** The file that a row says it comes from: of Spark's binaryFile, and of Firesteel's own sources. */
  def file(schema: StructType): Option[StructField] =
    Seq("path", "file").flatMap(name => schema.fields.find(f => f.name == name && f.dataType == StringType)).headOption

  /** The predictions that a model appends, in their order; one without a name is left out.
    *
    * @param classes the metadata of `prediction`
    */
  def predictions(raw: String, probability: String, prediction: String, classes: Metadata): Seq[StructField] = Seq(
    StructField(raw, SQLDataTypes.VectorType),
    StructField(probability, SQLDataTypes.VectorType),
    StructField(prediction, DoubleType, nullable = true, classes)
  ).filter(_.name.nonEmpty)

  /** The column after them that says why a row has none, if it is asked for. */
  def reason(params: CnnParams): Option[StructField] =
    params.get(params.badImageCol).filter(_.nonEmpty).map(StructField(_, StringType))

  /** The schema with these columns. */
  def appended(schema: StructType, columns: Seq[StructField]): StructType = {
    for (column <- columns if schema.fieldNames.contains(column.name))
      fail(s"there is a column ${column.name} already: rename or drop it")
    StructType(schema.fields ++ columns)
  }

  private def fail(message: String): Nothing = throw new FiresteelException(Kind.CONFIG, message)
}
