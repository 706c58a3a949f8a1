// Which label each class folder has: its place among the training folders, or among the classes of a model.
package io.firesteel.data

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.hadoop.fs.Path

/** @param names the classes in the order of their labels
  * @param ofModel whether a model knows these classes, whichever of them a data set has
  */
private[data] final case class ClassLabels(names: IndexedSeq[String], ofModel: Boolean) {
  private lazy val numbers = names.zipWithIndex.toMap

  /** The label of the class folder `name` in `folder`.
    *
    * @throws FiresteelException of kind config for a class that the model does not know, of kind data for one that the
    *   training files lack
    */
  def of(folder: Path, name: String): Int = numbers.getOrElse(
    name,
    if (ofModel) throw new FiresteelException(Kind.CONFIG, s"$folder/$name: the model has no class $name: $listed")
    else throw new FiresteelException(Kind.DATA, s"$folder has class $name, which the training files lack")
  )

  private def listed: String = {
    val others = if (names.length > ClassLabels.Listed) s" and ${names.length - ClassLabels.Listed} more" else ""
    s"it knows ${names.take(ClassLabels.Listed).mkString(", ")}$others"
  }
}

private[data] object ClassLabels {
  private val Listed = 10 // of a model's classes, in a message

  /** The labels of `classes`, the training folders in their order, or those of a model that knows `known`. */
  def of(known: IndexedSeq[String], classes: Seq[ClassFolder]): ClassLabels =
    if (known.nonEmpty) ClassLabels(known, ofModel = true)
    else ClassLabels(classes.map(_.name).toIndexedSeq, ofModel = false)
}
