// The columns that a model appends.
package io.firesteel.ml

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.sql.types.{StructField, StructType}

private[ml] object OutputColumns {

  /** @throws FiresteelException of kind config if there is a column of such a name already */
  def appended(schema: StructType, columns: Seq[StructField]): StructType = {
    for (column <- columns if schema.fieldNames.contains(column.name))
      throw new FiresteelException(Kind.CONFIG, s"there is a column ${column.name} already: rename or drop it")
    StructType(schema.fields ++ columns)
  }
}
