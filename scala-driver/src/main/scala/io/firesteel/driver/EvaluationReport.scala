// The result of an evaluation as text for people and as JSON. With few classes the text has the confusion matrix; with
// many, the classes that do worst and what they are taken for.
package io.firesteel.driver

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{JsonNodeFactory, NullNode, ObjectNode}
import io.firesteel.EventJson
import io.firesteel.console.{Escape, ProgressLine}
import io.firesteel.driver.console.TextTable
import io.firesteel.driver.options.JsonSettings
import io.firesteel.train.{ClassResult, EvaluationResult}

import java.util.Locale

private[driver] object EvaluationReport {
  private val MostInMatrix = 20 // classes; with more, the lines are too long for a terminal
  private val NameInMatrix = 10 // columns, with which ten classes fit 80
  private val Name = 24 // columns of a name elsewhere
  private val Listed = 10 // classes and confusions that are listed where there is no matrix
  private val Undefined = "-"

  /** Lines for people. Where the loss is NaN, the counts mean nothing and are left out. */
  def text(data: String, split: String, result: EvaluationResult): Seq[String] = {
    val top5 = result.top5.fold("")(part => s"top-5 accuracy ${ProgressLine.percent(part)}, ")
    val whole = s"$split accuracy ${ProgressLine.percent(result.accuracy)}, ${top5}loss " +
      s"${ProgressLine.loss(result.loss)}, ${result.rows} rows of $data"
    val few = result.confusion.filter(_.length <= MostInMatrix)
    val classes =
      if (!java.lang.Double.isFinite(result.loss)) Nil
      else
        few.fold(worst(result.classes) ++ result.confusion.fold(Seq.empty[String])(confusions(result.classes, _))) {
          matrix(result.classes, _)
        }
    whole +: classes
  }

  private def matrix(classes: IndexedSeq[ClassResult], confusion: IndexedSeq[IndexedSeq[Long]]): Seq[String] = {
    val cells = classes.indices.map(label => s"$label") +: confusion.map(_.map(short))
    val width = cells.flatten.map(_.length).max
    val across = cells.map(_.map(toRight(_, width)))
    val sides = classes.map(one => Seq(percent(one.precision), percent(one.recall), short(one.rows)))
    val lines = ("" +: labels(classes, NameInMatrix))
      .zip(across)
      .zip(Seq("prec", "recall", "rows") +: sides)
      .map { case ((label, predicted), side) => (label +: predicted) ++ side }
    "true classes down, predicted classes across, in rows; precision and recall in %" +:
      TextTable.lines(lines, left = 1, gap = 1)
  }

  /** The classes with the lowest F1 of those that the data set has rows of. */
  private def worst(classes: IndexedSeq[ClassResult]): Seq[String] = {
    val labelled = classes.zip(labels(classes, Name)).filter { case (one, _) => one.rows > 0 }
    val sorted = labelled.sortBy { case (one, _) => one.f1.getOrElse(0.0) }(Ordering.Double.TotalOrdering)
    val lines = sorted.take(Listed).map { case (one, label) =>
      Seq(label, percent(one.recall), percent(one.precision), percent(one.f1), s"${one.rows}")
    }
    "classes of lowest F1; recall, precision and F1 in %" +:
      TextTable.lines(Seq("class", "recall", "precision", "F1", "rows") +: lines, left = 1, gap = 2)
  }

  /** The pairs of different classes with the most rows, if there are any. */
  private def confusions(classes: IndexedSeq[ClassResult], confusion: IndexedSeq[IndexedSeq[Long]]): Seq[String] = {
    val names = labels(classes, Name)
    val pairs = for {
      (line, label) <- confusion.zipWithIndex
      (rows, predicted) <- line.zipWithIndex if rows > 0 && label != predicted
    } yield (label, predicted, rows)
    val lines = pairs.sortBy { case (_, _, rows) => -rows }.take(Listed).map { case (label, predicted, rows) =>
      Seq(names(label), names(predicted), s"$rows")
    }
    if (lines.isEmpty) Nil
    else
      "largest confusions, in rows" +: TextTable.lines(
        Seq("true class", "predicted class", "rows") +: lines,
        left = 2,
        gap = 2
      )
  }

  /** Number and name of each class, or the number alone where that is its name. */
  private def labels(classes: IndexedSeq[ClassResult], width: Int): IndexedSeq[String] = {
    val digits = s"${classes.length - 1}".length
    classes.zipWithIndex.map { case (one, label) =>
      val number = toRight(s"$label", digits)
      if (one.name == s"$label") number else s"$number ${TextTable.clipped(Escape.escaped(one.name), width)}"
    }
  }

  /** A count in four characters at most, rounded down: 9999, 10k, 1.2M. */
  private def short(count: Long): String = count match {
    case n if n < 10000      => s"$n"
    case n if n < 1000000    => s"${n / 1000}k"
    case n if n < 10000000   => s"${n / 1000000}.${n / 100000 % 10}M"
    case n if n < 1000000000 => s"${n / 1000000}M"
    case n                   => s"${n / 1000000000}G"
  }

  private def toRight(number: String, width: Int): String = " " * (width - number.length) + number

  private def percent(fraction: Option[Double]): String =
    fraction.fold(Undefined)(part => "%.1f".formatLocal(Locale.ROOT, part * 100))

  /** One object in a line. What is undefined or not told is null. */
  def json(model: String, data: String, split: String, result: EvaluationResult): String = {
    val line = JsonSettings.empty.put("model", model).put("data", data).put("split", split).put("rows", result.rows)
    line.set[ObjectNode]("accuracy", EventJson.real(result.accuracy))
    line.set[ObjectNode]("loss", EventJson.real(result.loss))
    line.set[ObjectNode]("top5", real(result.top5))
    val classes = line.putArray("classes")
    result.classes.foreach { one =>
      val node = classes.addObject().put("name", one.name)
      node.put("rows", one.rows).put("predicted", one.predicted).put("correct", one.correct)
      node.set[ObjectNode]("precision", real(one.precision))
      node.set[ObjectNode]("recall", real(one.recall))
      node.set[ObjectNode]("f1", real(one.f1))
    }
    line.set[ObjectNode]("confusion", result.confusion.fold[JsonNode](NullNode.instance)(rows))
    Escape.escapedJson(line.toString)
  }

  private def rows(confusion: IndexedSeq[IndexedSeq[Long]]): JsonNode = {
    val matrix = JsonNodeFactory.instance.arrayNode()
    confusion.foreach { line =>
      val predicted = matrix.addArray()
      line.foreach(count => predicted.add(count))
    }
    matrix
  }

  private def real(value: Option[Double]): JsonNode = value.fold[JsonNode](NullNode.instance)(EventJson.real)
}
