// The result of an evaluation, as a whole and by class.
package io.firesteel.train

/** What a model did with the rows of a data set. If the loss is NaN, it was not finite, and all else but `rows` is
  * meaningless.
  *
  * @param rows that were evaluated, without those that are no images
  * @param accuracy a fraction
  * @param loss the mean over `rows`
  * @param top5 the fraction of rows whose label is among the five largest logits, of which equal ones are taken in the
  *   order of their classes; None for ten classes or fewer
  * @param classes the model's, in the order of their labels
  * @param confusion rows by their label, then by the class that is predicted; None for more than 1,000 classes, whose matrix
  *   would be too large
  */
case class EvaluationResult(
    rows: Long,
    accuracy: Double,
    loss: Double,
    top5: Option[Double],
    classes: IndexedSeq[ClassResult],
    confusion: Option[IndexedSeq[IndexedSeq[Long]]]
)

/** One class in an evaluation.
  *
  * @param name the data set's, else the class's number
  * @param rows with this label
  * @param predicted rows for which the model predicts this class
  * @param correct rows for which it does so rightly
  */
case class ClassResult(name: String, rows: Long, predicted: Long, correct: Long) {

  /** The fraction of the rows predicted as this class that have its label; None if there are no such rows. */
  def precision: Option[Double] = ClassResult.fraction(correct, predicted)

  /** The fraction of the rows with this label for which it is predicted; None if there are no such rows. */
  def recall: Option[Double] = ClassResult.fraction(correct, rows)

  /** The harmonic mean of precision and recall, with 0 for one of them that is undefined; None if both are. */
  def f1: Option[Double] = ClassResult.fraction(2 * correct, rows + predicted)
}

object ClassResult {
  private def fraction(part: Long, all: Long): Option[Double] = Option.when(all > 0)(part.toDouble / all)
}
