// What a failure looks like from outside: an exit status and one line that holds the whole chain of causes.
package io.firesteel.driver.console

import io.firesteel.FiresteelException
import io.firesteel.jni.{Kind, NativeException}

object Failure {
  val Failed = 1 // a failed run
  val Wrong = 2 // a wrong command line or configuration

  /** 2 where the outermost of our own exceptions in the chain is of kind config, else 1. */
  def status(error: Throwable): Int =
    chain(error).collectFirst {
      case e: FiresteelException => e.kind
      case e: NativeException    => e.kind
    } match {
      case Some(Kind.CONFIG) => Wrong
      case _                 => Failed
    }

  /** The chain in one line, outermost first; a cause whose words were already said adds nothing. */
  def line(error: Throwable): String =
    chain(error).map(words).foldLeft("") { (said, next) =>
      if (said.isEmpty) next else if (said.contains(next) || next.isEmpty) said else s"$said: $next"
    }

  /** A message of another library in our form: first line, lower case at the start, no full stop at the end. */
  def sentence(message: String): String = {
    val first = message.linesIterator.map(_.trim).find(_.nonEmpty).getOrElse("").stripSuffix(".")
    if (first.length > 1 && first(0).isUpper && !first(1).isUpper) s"${first(0).toLower}${first.drop(1)}" else first
  }

  private def words(error: Throwable): String = error match {
    case e: FiresteelException => e.getMessage
    case e: NativeException    => e.getMessage
    // Many messages of the JDK are a bare path or name, which only the class explains.
    case e => (e.getClass.getSimpleName +: Option(e.getMessage).map(sentence).toSeq).mkString(": ")
  }

  private def chain(error: Throwable): Seq[Throwable] =
    Iterator.iterate(error)(_.getCause).takeWhile(_ != null).take(16).toSeq // 16: a cycle of causes must end too
}
