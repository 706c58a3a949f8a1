// Counts the rows of a table while a job reads it. Spark adds what a task of the last stage counted once, however often the
// task is tried.
package io.firesteel.driver

import org.apache.spark.util.AccumulatorV2

/** @param first the row of the lowest number of those that are no images, described
  */
private[driver] final case class Counts(images: Long, bad: Long, first: Option[(Long, String)]) {
  def +(other: Counts): Counts =
    Counts(images + other.images, bad + other.bad, (first ++ other.first).minByOption { case (row, _) => row })
}

private[driver] object Counts {
  val none: Counts = Counts(0, 0, None)

  /** One row of a file.
    *
    * @param why it is no image, if it is none
    */
  def of(file: String, row: Long, why: Option[String]): Counts =
    why.fold(Counts(1, 0, None))(reason => Counts(0, 1, Some(row -> s"$file: $reason")))
}

private[driver] final class Tally extends AccumulatorV2[Counts, Counts] {
  private var sum = Counts.none

  def isZero: Boolean = sum == Counts.none

  def copy(): Tally = {
    val copied = new Tally
    copied.sum = sum
    copied
  }

  def reset(): Unit = sum = Counts.none

  def add(counts: Counts): Unit = sum += counts

  def merge(other: AccumulatorV2[Counts, Counts]): Unit = sum += other.value

  def value: Counts = sum
}
