// How the result of an evaluation is shown, to people and as JSON.
package io.firesteel.driver

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.firesteel.driver.console.EscapedStream
import io.firesteel.train.{ClassResult, EvaluationResult}
import org.scalatest.funsuite.AnyFunSuite

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.Locale
import scala.jdk.CollectionConverters._

class EvaluationReportTest extends AnyFunSuite {

  /** The result that has this matrix. */
  private def result(names: IndexedSeq[String], confusion: IndexedSeq[IndexedSeq[Long]]): EvaluationResult = {
    val classes = names.indices.map { k =>
      ClassResult(names(k), confusion(k).sum, confusion.map(_(k)).sum, confusion(k)(k))
    }
    val rows = classes.map(_.rows).sum
    val top5 = Option.when(names.length > 10)(0.75)
    EvaluationResult(rows, classes.map(_.correct).sum.toDouble / rows, 0.5, top5, classes, Some(confusion))
  }

  private def shown(result: EvaluationResult): String = {
    val bytes = new ByteArrayOutputStream
    val out = new EscapedStream(new PrintStream(bytes, true, UTF_8))
    EvaluationReport.text("/data/x", "test", result).foreach(line => out.println(line))
    bytes.toString(UTF_8)
  }

  private val cifar =
    IndexedSeq("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

  test("ten classes are a matrix that fits 80 columns, with a dash for what is undefined") {
    // class 5 is never predicted, and the data set has no row of class 9
    val matrix = IndexedSeq.tabulate(10, 10) { (label, predicted) =>
      if (label == 9 || predicted == 5) 0L
      else if (label == predicted) 9000L + label
      else (label * predicted % 7).toLong
    }
    val expected =
      """test accuracy 99.79 %, loss 0.5000, 72186 rows of /data/x
        |true classes down, predicted classes across, in rows; precision and recall in %
        |                0    1    2    3    4    5    6    7    8    9  prec recall rows
        |0 airplane   9000    0    0    0    0    0    0    0    0    0 100.0  100.0 9000
        |1 automobile    0 9001    2    3    4    0    6    0    1    2  99.8   99.8 9019
        |2 bird          0    2 9002    6    1    0    5    0    2    4  99.8   99.8 9022
        |3 cat           0    3    6 9003    5    0    4    0    3    6  99.8   99.7 9030
        |4 deer          0    4    1    5 9004    0    3    0    4    1  99.7   99.8 9022
        |5 dog           0    5    3    1    6    0    2    0    5    3     -    0.0   25
        |6 frog          0    6    5    4    3    0 9006    0    6    5  99.7   99.7 9035
        |7 horse         0    0    0    0    0    0    0 9007    0    0 100.0  100.0 9007
        |8 ship          0    1    2    3    4    0    6    0 9008    2  99.8   99.8 9026
        |9 truck         0    0    0    0    0    0    0    0    0    0   0.0      -    0
        |"""
    assert(shown(result(cifar, matrix)) == expected.stripMargin)
    assert(shown(result(cifar, matrix)).linesIterator.forall(_.length <= 80))
  }

  test("long counts are shortened, and long and forged names are clipped and escaped") {
    val names = IndexedSeq("x\n9 truck\u001b[31m", "\u732b\u3068\u72ac\u3068\u9ce5\u3068", "2")
    val matrix = IndexedSeq(
      IndexedSeq(9999L, 10000L, 123456L),
      IndexedSeq(1234567L, 12345678L, 999999999L),
      IndexedSeq(0L, 0L, 1234567890L)
    )
    val expected =
      """test accuracy 55.46 %, loss 0.5000, 2248291589 rows of /data/x
        |true classes down, predicted classes across, in rows; precision and recall in %
        |                0    1    2 prec recall rows
        |0 x\n9 tru.. 9999  10k 123k  0.8    7.0 143k
        |1 猫と犬と.. 1.2M  12M 999M 99.9    1.2   1G
        |2               0    0   1G 55.2  100.0   1G
        |"""
    assert(shown(result(names, matrix)) == expected.stripMargin)
  }

  test("of many classes the worst ten and the ten largest confusions are told") {
    val names = (0 until 100).map(k => if (k == 7) "7" else s"class number $k with a long name")
    // no row has class 50, which is predicted for all rows of class 7
    val matrix = IndexedSeq.tabulate(100, 100) { (label, predicted) =>
      if (label == 50) 0L
      else if (label == 7) if (predicted == 50) 100L else 0L
      else if (label == predicted) 100L - label
      else if (predicted == label + 1) label.toLong
      else 0L
    }
    val worst =
      """test accuracy 50.07 %, top-5 accuracy 75.00 %, loss 0.5000, 9801 rows of /data/x
        |classes of lowest F1; recall, precision and F1 in %
        |class                        recall  precision   F1  rows
        | 7                              0.0        0.0  0.0   100
        |99 class number 99 with a..   100.0        1.0  2.0     1
        |98 class number 98 with a..     2.0        2.0  2.0   100
        |97 class number 97 with a..     3.0        3.0  3.0   100
        |96 class number 96 with a..     4.0        4.0  4.0   100
        |95 class number 95 with a..     5.0        5.1  5.0   100
        |94 class number 94 with a..     6.0        6.1  6.0   100
        |93 class number 93 with a..     7.0        7.1  7.0   100
        |92 class number 92 with a..     8.0        8.1  8.0   100
        |91 class number 91 with a..     9.0        9.1  9.0   100
        |"""
    val largest =
      """largest confusions, in rows
        |true class                   predicted class              rows
        | 7                           50 class number 50 with a..   100
        |98 class number 98 with a..  99 class number 99 with a..    98
        |97 class number 97 with a..  98 class number 98 with a..    97
        |96 class number 96 with a..  97 class number 97 with a..    96
        |95 class number 95 with a..  96 class number 96 with a..    95
        |94 class number 94 with a..  95 class number 95 with a..    94
        |93 class number 93 with a..  94 class number 94 with a..    93
        |92 class number 92 with a..  93 class number 93 with a..    92
        |91 class number 91 with a..  92 class number 92 with a..    91
        |90 class number 90 with a..  91 class number 91 with a..    90
        |"""
    assert(shown(result(names, matrix)) == worst.stripMargin + largest.stripMargin)
    assert(shown(result(names, matrix).copy(confusion = None)) == worst.stripMargin)
    val right = IndexedSeq.tabulate(100, 100)((label, predicted) => if (label == predicted) 1L else 0L)
    assert(!shown(result(names, right)).contains("confusions"))
  }

  test("weights that are no numbers have no table") {
    val broken = result(cifar, IndexedSeq.fill(10)(1L +: IndexedSeq.fill(9)(0L))).copy(loss = Double.NaN)
    assert(shown(broken) == "test accuracy 10.00 %, loss NaN, 10 rows of /data/x\n")
  }

  test("numbers look the same in every locale") {
    val default = Locale.getDefault
    val of = result(cifar, IndexedSeq.tabulate(10, 10)((a, b) => (a + b).toLong))
    val expected = (shown(of), EvaluationReport.json("m", "d\u0085", "test", of))
    try
      for (tag <- Seq("ar-EG", "de-DE", "th-TH-u-nu-thai")) {
        Locale.setDefault(Locale.forLanguageTag(tag))
        assert((shown(of), EvaluationReport.json("m", "d\u0085", "test", of)) == expected)
      }
    finally Locale.setDefault(default)
  }

  test("JSON is one object with all of it, null for what is undefined, and can be parsed whatever the names are") {
    val forged = "x\n\u001b\u0085\u202e\"\\"
    val matrix = IndexedSeq(IndexedSeq(3L, 0L, 1L), IndexedSeq(0L, 0L, 0L), IndexedSeq(0L, 0L, 4L))
    val bytes = new ByteArrayOutputStream
    val out = new EscapedStream(new PrintStream(bytes, true, UTF_8))
    out.println(EvaluationReport.json("m", forged, "test", result(IndexedSeq(forged, "b", "2"), matrix)))
    assert(bytes.toString(UTF_8).linesIterator.size == 1)
    val json = new ObjectMapper().readTree(bytes.toString(UTF_8))
    val keys = Seq("model", "data", "split", "rows", "accuracy", "loss", "top5", "classes", "confusion")
    assert(json.fieldNames.asScala.toSeq == keys && json.get("data").asText == forged && json.get("top5").isNull)
    assert(json.get("rows").asLong == 8 && json.get("accuracy").asDouble == 0.875 && json.get("loss").asDouble == 0.5)
    assert(json.get("confusion").toString == "[[3,0,1],[0,0,0],[0,0,4]]")
    def one(k: Int): JsonNode = json.get("classes").get(k)
    assert(one(0).get("name").asText == forged)
    assert(
      one(1).toString == """{"name":"b","rows":0,"predicted":0,"correct":0,"precision":null,"recall":null,"f1":null}"""
    )
    assert(
      one(2).toString ==
        s"""{"name":"2","rows":4,"predicted":5,"correct":4,"precision":0.8,"recall":1.0,"f1":${8 / 9.0}}"""
    )
    val many = result((0 to 10).map(_.toString), IndexedSeq.fill(11, 11)(1L)).copy(confusion = None)
    val told = new ObjectMapper().readTree(EvaluationReport.json("m", "d", "train", many))
    assert(told.get("top5").asDouble == 0.75 && told.get("confusion").isNull && told.get("classes").size == 11)
  }
}
