// A table of points over the length of a run that never has more than a given number of rows, however long the run is.
package io.firesteel.ui

/** What becomes of a value when a row takes in the next one. */
private[ui] sealed trait Merge

private[ui] object Merge {

  /** The later value stays: of totals that rise. */
  case object Last extends Merge
  case object Sum extends Merge

  /** The mean, weighted by the weights that the rows came with. */
  case object Mean extends Merge
}

/** A row is made of `each` rows that were added, the last one perhaps of fewer. When `most` rows are full, neighbours are merged
  * two by two, and `each` doubles.
  */
private[ui] final class Curve(columns: Seq[(String, Merge)], most: Int) {
  require(most % 2 == 0)
  private val names = columns.map(_._1)
  private val merges = columns.map(_._2).toArray
  private val values = Array.ofDim[Double](merges.length, most)
  private val weights = new Array[Double](most)
  private var rows = 0
  private var each = 1L
  private var inLast = 0L // added rows that the last row is made of

  /** Adds a row, with a value for each column. */
  def add(weight: Double, row: Double*): Unit =
    if (rows > 0 && inLast < each) {
      take(rows - 1, weight, row)
      inLast += 1
    } else {
      if (rows == most) halve()
      row.indices.foreach(column => values(column)(rows) = row(column))
      weights(rows) = weight
      rows += 1
      inLast = 1
    }

  def view: CurveView = CurveView(each, names.zip(values.map(_.take(rows))).toMap)

  private def take(into: Int, weight: Double, row: Seq[Double]): Unit = {
    for (column <- merges.indices) {
      val (old, now) = (values(column)(into), row(column))
      values(column)(into) = merges(column) match {
        case Merge.Last => now
        case Merge.Sum  => old + now
        case Merge.Mean => (old * weights(into) + now * weight) / (weights(into) + weight)
      }
    }
    weights(into) += weight
  }

  private def halve(): Unit = {
    for (row <- 0 until most / 2) {
      for (column <- merges.indices) values(column)(row) = values(column)(2 * row)
      weights(row) = weights(2 * row)
      take(row, weights(2 * row + 1), values.map(_(2 * row + 1)).toSeq)
    }
    rows = most / 2
    each *= 2
    inLast = each
  }
}
