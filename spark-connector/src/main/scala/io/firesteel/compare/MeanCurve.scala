// The mean of several learning curves and how far they lie apart, as curves.js computes them on the page of the report.
package io.firesteel.compare

/** @param sd standard deviation of the seeds, none of a single one */
private[compare] final case class PlotPoint(x: Double, y: Double, sd: Option[Double])

private[compare] object MeanCurve {
  type Curve = IndexedSeq[(Double, Double)]

  /** The mean at values of x that all `curves` reach: their own points where all have the same, else even steps.
    *
    * @param curves with x rising
    */
  def of(curves: Seq[Curve]): Seq[PlotPoint] = {
    val told = curves.filter(_.size > 1)
    if (told.isEmpty) Seq.empty
    else
      grid(told).map { x =>
        val mean = Mean.of(told.map(at(_, x))).get
        PlotPoint(x, mean.mean, mean.sd)
      }
  }

  /** `points` with x rising: of several at the same x the last one counts. */
  def rising(points: Iterable[(Double, Double)]): Curve = points.foldLeft(Vector.empty[(Double, Double)]) {
    case (before, point) if before.lastOption.exists(_._1 >= point._1) => before.init :+ point
    case (before, point)                                               => before :+ point
  }

  private def grid(curves: Seq[Curve]): Seq[Double] = {
    val xs = curves.map(_.map(_._1))
    if (xs.distinct.size == 1) xs.head
    else {
      val (from, to, steps) = (xs.map(_.head).max, xs.map(_.last).min, xs.map(_.size).max - 1)
      if (to > from) (0 to steps).map(i => from + (to - from) * i / steps) else Seq.empty
    }
  }

  /** Linear between points, constant beyond the ends. */
  private def at(curve: Curve, x: Double): Double = curve.indexWhere(_._1 >= x) match {
    case -1 => curve.last._2
    case 0  => curve.head._2
    case i  =>
      val ((x0, y0), (x1, y1)) = (curve(i - 1), curve(i))
      y0 + (y1 - y0) * (x - x0) / (x1 - x0)
  }
}
