// The Params of the estimator are the table of settings, in both directions: their source is made from it.
package io.firesteel.ml

import io.firesteel.{SettingRow, TestSpark}
import java.nio.file.Files
import org.scalatest.funsuite.AnyFunSuite

class SettingParamsTest extends AnyFunSuite {
  private val directory = TestSpark.root.resolve("spark-connector/src/main/scala/io/firesteel/ml")

  for ((name, text) <- Seq("SettingParams" -> params, "SettingSetters" -> setters))
    test(s"$name.scala is made from the table of settings") {
      val file = directory.resolve(s"$name.scala")
      if (sys.env.contains("UPDATE_EXPECT")) Files.writeString(file, text)
      assert(Files.readString(file) == text, s"$file is old: run this test once with UPDATE_EXPECT=1")
    }

  test("a value outside the limits of the table is refused when it is set") {
    val classifier = new CnnClassifier()
    for (
      wrong <- Seq[() => Any](() => classifier.setTau(0), () => classifier.setNet("lenet"), () => classifier.setLr(0))
    )
      assert(intercept[IllegalArgumentException](wrong()).getMessage.contains("given invalid value"))
  }

  test("what was set is passed on under its key, and nothing else") {
    val classifier = new CnnClassifier().setEvalEvery(3).setStepvalue(Array(5, 9)).setSeed(7L).setTestFlip(true)
    assert(classifier.asked.toString == """{"seed":7,"test-flip":true,"stepvalue":[5,9],"eval-every":3}""")
    assert(classifier.getTau == 10 && classifier.getNet == "cifar10_quick")
  }

  private def head(what: String) =
    s"""// $what
       |// Made from the table of settings by SettingParamsTest with UPDATE_EXPECT=1, and not to be edited.
       |package io.firesteel.ml
       |
       |""".stripMargin

  private def params: String = {
    val each = TableParams.rows.map { row =>
      val name = row.camelCase
      s"""${doc(row)}
         |  final val $name: ${param(row)} = ${maker(row)}("${row.key}")
         |  final def get${name.capitalize}: ${scalaType(row)} = $$($name)
         |""".stripMargin
    }
    head("The settings of a run as Params of Spark ML.") +
      s"""import org.apache.spark.ml.param._
         |
         |private[ml] trait SettingParams extends TableParams {
         |
         |${each.mkString("\n")}}
         |""".stripMargin
  }

  private def setters: String = {
    val each = TableParams.rows.map { row =>
      val name = row.camelCase
      s"""  /** @group setParam */
         |  def set${name.capitalize}(value: ${scalaType(row)}): E = set($name, value).asInstanceOf[E]
         |""".stripMargin
    }
    head("A setter for each setting of a run.") +
      s"""/** @tparam E the estimator, which each setter returns */
         |private[ml] trait SettingSetters[E] extends SettingParams {
         |
         |${each.mkString("\n")}}
         |""".stripMargin
  }

  /** The help text as a comment, as the formatter lays it out: in lines of at most 120 columns. */
  private def doc(row: SettingRow): String = {
    val words = s"/** ${TableParams.doc(row)}. @group param".split(' ')
    val lines = words.tail.foldLeft(Seq(s"  ${words.head}")) { (lines, word) =>
      if (lines.last.length + 1 + word.length <= 120) lines.init :+ s"${lines.last} $word" else lines :+ s"    * $word"
    }
    if (lines.length == 1 && lines.head.length <= 117) s"${lines.head} */" else (lines :+ "    */").mkString("\n")
  }

  private def isLong(row: SettingRow) = row.limits.most.exists(_ > Int.MaxValue)

  private def maker(row: SettingRow): String = row.valueType match {
    case "whole"           => if (isLong(row)) "long" else "whole"
    case "flag" | "switch" => "flag"
    case other             => other
  }

  private def param(row: SettingRow): String = maker(row) match {
    case "text"   => "Param[String]"
    case "whole"  => "IntParam"
    case "long"   => "LongParam"
    case "wholes" => "IntArrayParam"
    case "real"   => "DoubleParam"
    case "flag"   => "BooleanParam"
  }

  private def scalaType(row: SettingRow): String = maker(row) match {
    case "text"   => "String"
    case "whole"  => "Int"
    case "long"   => "Long"
    case "wholes" => "Array[Int]"
    case "real"   => "Double"
    case "flag"   => "Boolean"
  }
}
