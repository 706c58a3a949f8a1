// How a failure is reported: by an exit status and one line with the whole chain of causes.
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

  /** The chain in one line, outermost first, without causes whose message is contained in what precedes them. */
  def line(error: Throwable): String =
    chain(error).map(words).foldLeft("") { (said, next) =>
      if (said.isEmpty) next else if (said.contains(next) || next.isEmpty) said else s"$said: $next"
    }

  /** A message of another library in the form of ours: the first line, starting in lower case, without a full stop. */
  def sentence(message: String): String = {
    val first = message.linesIterator.map(_.trim).find(_.nonEmpty).getOrElse("").stripSuffix(".")
    if (first.length > 1 && first(0).isUpper && !first(1).isUpper) s"${first(0).toLower}${first.drop(1)}" else first
  }

  private def words(error: Throwable): String = error match {
    case e: FiresteelException => e.getMessage
    case e: NativeException    => e.getMessage
    // Many messages of the JDK are just a path or name, which means nothing without the name of the class.
    case e => (e.getClass.getSimpleName +: Option(e.getMessage).map(sentence).toSeq).mkString(": ")
  }

  private def chain(error: Throwable): Seq[Throwable] =
    Iterator.iterate(error)(_.getCause).takeWhile(_ != null).take(16).toSeq // 16: a chain of causes may be circular
}
