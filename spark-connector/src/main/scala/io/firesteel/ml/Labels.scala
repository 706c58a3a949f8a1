// What a label column says: class numbers, or names that get numbers.
package io.firesteel.ml

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.ml.attribute.{Attribute, NominalAttribute}
import org.apache.spark.sql.types.{Metadata, StructField}

/** The classes of a model.
  *
  * @param count how many
  * @param names in the order of their numbers; empty if the labels were numbers without names
  */
private[firesteel] final case class Labels(count: Int, names: IndexedSeq[String]) {
  private lazy val numbers: Map[String, Int] = names.zipWithIndex.toMap

  /** The number of the class that a value of the label column names. */
  def number(value: Any): Int = value match {
    case name: String => numbers(name)
    case number       => number.asInstanceOf[Double].toInt
  }

  /** The metadata of a prediction column, from which `IndexToString` has the names. */
  def attribute(column: String): Metadata = {
    val named = NominalAttribute.defaultAttr.withName(column)
    (if (names.isEmpty) named.withNumValues(count) else named.withValues(names.toArray)).toMetadata()
  }
}

private[ml] object Labels {

  /** As the engine has it (`MOST_CLASSES` in rust-core/engine/src/config/limits.rs). */
  private val Most = 1 << 20

  /** Why a value is no label; the value is not null. */
  def wrong(value: Any): Option[String] = value match {
    case number: Double if number >= 0 && number < Most && number == math.rint(number) => None
    case number: Double                                                                =>
      Some(s"$number: labels are whole numbers from 0 to ${Most - 1}, or strings")
    case _ => None
  }

  /** The classes of these distinct labels.
    *
    * @param field tells names, if an indexer of Spark ML has made the column
    * @throws FiresteelException of kind data if there is one class, or if one is in `held` only
    */
  def of(field: StructField, train: Set[Any], held: Set[Any]): Labels = {
    def fail(message: String): Nothing =
      throw new FiresteelException(Kind.DATA, s"label column ${field.name}: $message")
    val lacking = held.diff(train)
    if (lacking.nonEmpty)
      fail(s"class ${shown(lacking.toSeq.map(shown).min)} is in validation rows only, so that it cannot be learnt")
    if (train.size < 2) fail(s"all training rows are of class ${shown(train.head)}, and a classifier needs two")
    val names = train.collect { case name: String => name }.toIndexedSeq.sorted
    if (names.length > Most) fail(s"${names.length} classes are more than $Most")
    if (names.nonEmpty) Labels(names.length, names)
    else {
      val counted = train.map(_.asInstanceOf[Double].toInt).max + 1
      Attribute.fromStructField(field) match {
        case nominal: NominalAttribute =>
          val names = nominal.values.fold(IndexedSeq.empty[String])(_.toIndexedSeq)
          val count = math.max(counted, nominal.getNumValues.getOrElse(names.length))
          Labels(count, if (names.length == count) names else IndexedSeq.empty)
        case _ => Labels(counted, IndexedSeq.empty)
      }
    }
  }

  private def shown(value: Any): String = value match {
    case number: Double => number.toInt.toString
    case other          => other.toString
  }
}
