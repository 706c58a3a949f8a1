// How long the runs of a comparison will take, from the time of a local step of each kind of run on the driver.
package io.firesteel.compare

import io.firesteel.train.workers.StepTime

private[compare] object Estimate {

  /** An evaluation does a forward pass only, which is about a third of a step. */
  private val Forward = 1.0 / 3

  /** Seconds of all `cells` on so many task slots; none if some of them use GPUs, which the driver may lack.
    *
    * @param slots that are used at the same time
    */
  def seconds(cells: Seq[PlannedCell], slots: Int): Option[Double] =
    Option.when(cells.forall(_.config.device != "cuda")) {
      cells
        .groupBy(kind)
        .values
        .map { alike =>
          val step = StepTime.seconds(alike.head.images.train, alike.head.config)
          alike.map(steps(_) * step).sum
        }
        .sum / slots
    }

  /** What decides how long a step takes. */
  private def kind(cell: PlannedCell) =
    (cell.config.net, cell.config.batch, cell.config.precision, cell.config.resize, cell.config.solver, cell.images)

  /** Local steps of all workers, and evaluations counted as steps. */
  private def steps(cell: PlannedCell): Double = {
    val training = cell.config.iterations.get.toDouble * cell.config.workers.get
    val images = cell.images.evaluated.fold(0L)(_.rows).toDouble * cell.evaluations
    training + images / cell.config.batch.get * Forward
  }
}
