// What the workers' evaluations by class add up to.
package io.firesteel.train.workers

import io.firesteel.train.run.Score
import scala.collection.immutable.ArraySeq

/** Sums over the rows of all workers; each sequence has an entry for each class.
  *
  * @param rows by label
  * @param predicted rows by predicted class
  * @param correct rows whose label is the predicted class
  * @param amongFive rows whose label is among the five largest logits
  * @param confusion rows by label, then by predicted class; None with more than `ClassScore.MostInMatrix` classes
  */
private[train] final case class ClassScore(
    score: Score,
    rows: IndexedSeq[Long],
    predicted: IndexedSeq[Long],
    correct: IndexedSeq[Long],
    amongFive: Long,
    confusion: Option[IndexedSeq[IndexedSeq[Long]]]
)

private[train] object ClassScore {

  /** ImageNet's classes, whose matrix takes 8 MB on the driver's heap. It grows with their square, and with more classes
    * than that nearly all of it is zeros.
    */
  val MostInMatrix = 1000

  /** Positions in a result of `Worker.evaluateClasses`; the cells follow, three numbers each. */
  private val (rowsAt, correctAt, lossAt, amongFiveAt, cellsAt) = (0, 1, 2, 3, 4)

  /** Adds the results of `Worker.evaluateClasses` in the order of the workers. */
  def total(classes: Int, workers: Seq[Array[Long]]): ClassScore = {
    val rows, predicted, correct = new Array[Long](classes)
    val matrix = Option.when(classes <= MostInMatrix)(Array.ofDim[Long](classes, classes))
    for (sent <- workers; at <- cellsAt until sent.length by 3) {
      val (label, taken, count) = (sent(at).toInt, sent(at + 1).toInt, sent(at + 2))
      rows(label) += count
      predicted(taken) += count
      if (label == taken) correct(label) += count
      matrix.foreach(_(label)(taken) += count)
    }
    ClassScore(
      WorkerScore.total(workers.map { sent =>
        WorkerScore(sent(rowsAt), sent(correctAt), java.lang.Double.longBitsToDouble(sent(lossAt)))
      }),
      ArraySeq.unsafeWrapArray(rows),
      ArraySeq.unsafeWrapArray(predicted),
      ArraySeq.unsafeWrapArray(correct),
      workers.map(_(amongFiveAt)).sum,
      matrix.map(lines => ArraySeq.unsafeWrapArray(lines.map(ArraySeq.unsafeWrapArray(_): IndexedSeq[Long])))
    )
  }
}
