// The options of the tables, checked before anything is listed.
package io.firesteel.sources

import io.firesteel.FiresteelException
import io.firesteel.data.DataSplits
import io.firesteel.jni.Kind

/** The options of one `load`, their names in lower case. Unknown ones are refused: a misspelt `split` would read the
  * training set instead.
  *
  * @param own options that only this format has
  */
private[sources] final class SourceOptions(format: String, options: Map[String, String], own: Set[String]) {
  private val known = Seq("path", "split", "dataset") ++ own.toSeq.sorted

  if (options.contains("paths")) fail(s"$format reads one directory, not several")
  for (option <- options.keys.toSeq.sorted.find(!known.contains(_)))
    fail(s"$format has no option $option: it has ${known.mkString(", ")}")

  val path: String =
    options.get("path").filter(_.nonEmpty).getOrElse(fail(s"""$format needs a directory: load("DIR")"""))

  val split: String = options.getOrElse("split", SourceOptions.Train)
  if (!SourceOptions.Splits.contains(split))
    fail(s"""split is "$split", not ${SourceOptions.Splits.mkString(", ")}""")

  /** Whether images have the labels of their class folders.
    *
    * @throws FiresteelException of kind config for an option that means nothing without them
    */
  def labelled: Boolean = options.get(SourceOptions.Labels) match {
    case None                         => true
    case Some(SourceOptions.NoLabels) =>
      for (option <- SourceOptions.OfSets.find(options.contains))
        fail(s"$option means nothing with ${SourceOptions.Labels} ${SourceOptions.NoLabels}: all files are read")
      false
    case Some(other) => fail(s"""${SourceOptions.Labels} is "$other", not ${SourceOptions.NoLabels}""")
  }

  def dataset: Option[String] = options.get("dataset")

  def real(name: String): Option[Double] = number(name)(_.toDoubleOption)

  def whole(name: String): Option[Long] = number(name)(_.toLongOption)

  /** The set that `split` names. */
  def choose[A](splits: DataSplits[A], dataset: String): A = {
    val chosen =
      if (split == SourceOptions.Train) Some(splits.train)
      else if (split == SourceOptions.Test) splits.test
      else splits.validation
    chosen.getOrElse(throw new FiresteelException(Kind.DATA, s"$path: $dataset has no $split files there"))
  }

  private def number[A](name: String)(parse: String => Option[A]): Option[A] =
    options.get(name).map(text => parse(text).getOrElse(fail(s"""$name is "$text", not a number""")))

  private def fail(message: String): Nothing = throw new FiresteelException(Kind.CONFIG, message)
}

private[sources] object SourceOptions {
  private val Train = "train"
  private val Validation = "validation"
  private val Test = "test"

  /** The option of class folders that says `none` where images have no labels. */
  val Labels = "labels"
  val NoLabels = "none"
  private val OfSets = Seq("split", "dataset", "validation", "seed")

  private val Splits = Seq(Train, Validation, Test)
}
