// Points that are merged so that there are never too many.
package io.firesteel.ui

import org.scalatest.funsuite.AnyFunSuite

class CurveTest extends AnyFunSuite {
  private val columns = Seq("round" -> Merge.Last, "loss" -> Merge.Mean, "images" -> Merge.Sum)

  private def filled(rows: Int, most: Int = 8): CurveView = {
    val curve = new Curve(columns, most)
    for (round <- 1 to rows) curve.add(1, round, round, 10)
    curve.view
  }

  test("points are kept as they are while there is room") {
    val view = filled(rows = 8)
    assert(view.each == 1 && view.columns("round").toSeq == (1 to 8).map(_.toDouble))
  }

  test("when there is no room neighbours are merged: the later value, the mean, the sum") {
    val view = filled(rows = 9)
    assert(view.each == 2)
    assert(view.columns("round").toSeq == Seq(2, 4, 6, 8, 9))
    assert(view.columns("loss").toSeq == Seq(1.5, 3.5, 5.5, 7.5, 9))
    assert(view.columns("images").toSeq == Seq(20, 20, 20, 20, 10))
  }

  test("however many are added, there are at most as many points, and nothing is lost of a sum") {
    for (rows <- Seq(10, 63, 64, 65, 1000, 100000)) {
      val view = filled(rows)
      val rounds = view.columns("round")
      assert(rounds.length <= 8 && rounds.length > 4 && rounds.last == rows)
      assert(rounds.init.toSeq == (1L to rounds.length - 1L).map(_ * view.each.toDouble))
      assert(view.columns("images").sum == 10.0 * rows)
    }
  }

  test("means are weighted") {
    val curve = new Curve(columns, 2)
    curve.add(1, 1, 4, 0)
    curve.add(3, 2, 8, 0)
    curve.add(1, 3, 1, 0)
    assert(curve.view.columns("loss").toSeq == Seq(7, 1))
  }
}
