// Columns stay aligned whatever is written in them.
package io.firesteel.driver.console

import org.scalatest.funsuite.AnyFunSuite

class TextTableTest extends AnyFunSuite {
  test("columns are as wide as their widest cell, the first ones to the left and the others to the right") {
    val lines = Seq(Seq("a", "bb", "1"), Seq("ccc", "d", "234"), Seq("", "", ""))
    assert(TextTable.lines(lines, left = 2, gap = 2) == Seq("a    bb    1", "ccc  d   234", ""))
    assert(TextTable.lines(lines, left = 1, gap = 1) == Seq("a   bb   1", "ccc  d 234", ""))
  }

  test("a character of East Asian writing takes two columns, a combining mark none") {
    val texts = Seq("cat" -> 3, "\u732b" -> 2, "\uff21\ud55c" -> 4, "e\u0301" -> 1, "\ud83d\ude00" -> 2, "\u00e9" -> 1)
    for ((text, columns) <- texts) assert(TextTable.columns(text) == columns, text)
    assert(TextTable.lines(Seq(Seq("\u732b", "x"), Seq("abc", "y")), left = 1, gap = 1) == Seq("\u732b  x", "abc y"))
  }

  test("a text that does not fit is cut between characters and ends in two dots") {
    assert(TextTable.clipped("automobile", 10) == "automobile")
    assert(TextTable.clipped("automobiles", 10) == "automobi..")
    assert(TextTable.clipped("\ud83d\ude00" * 4, 7) == "\ud83d\ude00" * 2 + "..")
    assert(TextTable.clipped("ae\u0301bcd", 4) == "ae\u0301..")
  }
}
