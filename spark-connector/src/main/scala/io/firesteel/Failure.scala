// How a failure is told in one line, with the whole chain of its causes.
package io.firesteel

import io.firesteel.jni.NativeException

private[firesteel] object Failure {
  private val MostCauses = 32 // a chain of causes may be circular

  /** The error and its causes, outermost first. */
  def chain(error: Throwable): Seq[Throwable] =
    Iterator.iterate(error)(_.getCause).takeWhile(_ != null).take(MostCauses).toSeq

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
}
