// The packages of the connector and of the driver, as drawn in docs/architecture.md.
package io.firesteel

import java.nio.file.{Files, Path}
import org.scalatest.funsuite.AnyFunSuite
import scala.annotation.tailrec
import scala.jdk.CollectionConverters._
import scala.util.Using

class PackagesTest extends AnyFunSuite {
  test("no packages use each other in a circle") {
    val uses = Seq("spark-connector", "scala-driver").flatMap(sources).groupMapReduce(_._1)(_._2)(_ ++ _)
    assert(uses.contains("io.firesteel.train") && uses("io.firesteel.driver").contains("io.firesteel.train"))
    assert(circular(uses).isEmpty)
  }

  test("packages that use each other in a circle are found") {
    val uses = Map("a" -> Set("b"), "b" -> Set("c"), "c" -> Set("b", "d"), "d" -> Set.empty[String])
    assert(circular(uses).keySet == Set("a", "b", "c"))
    assert(circular(uses - "c").isEmpty)
  }

  /** The package of each source file of a module, and those that it names. */
  private def sources(module: String): Seq[(String, Set[String])] = {
    val top = TestSpark.root.resolve(module).resolve("src/main")
    val files = Using.resource(Files.walk(top))(_.iterator.asScala.filter(isSource).toSeq)
    for (file <- files) yield {
      val text = Files.readString(file)
      val own = PackagesTest.Clause.findFirstMatchIn(text).get.group(1)
      val code = PackagesTest.Comment.replaceAllIn(text, "")
      own -> (PackagesTest.Name.findAllMatchIn(code).map(_.group(1)).toSet - own)
    }
  }

  private def isSource(file: Path): Boolean = file.toString.endsWith(".scala") || file.toString.endsWith(".java")

  /** What is left when packages that use none of the others are removed again and again: circles, and users of them. */
  @tailrec private def circular(uses: Map[String, Set[String]]): Map[String, Set[String]] = {
    val left = uses.filter { case (_, used) => used.exists(uses.contains) }
    if (left.size == uses.size) uses else circular(left)
  }
}

object PackagesTest {
  private val Clause = """(?m)^package ([\w.]+)""".r
  private val Comment = """(?s)/\*.*?\*/|//[^\n]*""".r

  /** A class, or the selectors of an import, in a package of this project. */
  private val Name = """\b((?:io|org\.apache\.spark)\.firesteel(?:\.[a-z]+)*)\.[A-Z_{]""".r
}
