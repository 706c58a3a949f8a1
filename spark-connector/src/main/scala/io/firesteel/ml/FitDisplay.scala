// Who shows a fit to a user while it goes on: the Scala kernel in the cell, spark-shell on a line of the terminal. Batch jobs
// and servers show nothing, and Python shows its fits itself.
package io.firesteel.ml

import io.firesteel.TrainListener
import io.firesteel.console.Terminal
import org.apache.spark.SparkContext

/** Shows one fit. `close` is called when the fit has ended, or has failed. */
private[firesteel] trait FitDisplay extends TrainListener with AutoCloseable

private[firesteel] object FitDisplay {
  private val Repl = "spark.repl.class.outputDir" // which only Spark's Scala shells set

  @volatile private var notebook: Option[() => FitDisplay] = None
  private lazy val terminal = Terminal.ofStderr()

  /** From now on each fit of this process is shown by one that this makes. */
  def use(make: () => FitDisplay): Unit = notebook = Some(make)

  /** The result of `fit`, which is to send its events to the listeners that it gets. */
  def during[T](sc: SparkContext)(fit: Seq[TrainListener] => T): T = of(sc) match {
    case None          => fit(Nil)
    case Some(display) =>
      try fit(Seq(display))
      finally display.close()
  }

  private def of(sc: SparkContext): Option[FitDisplay] =
    notebook.map(make => make()).orElse(Option.when(sc.getConf.contains(Repl))(new FitLine(terminal)))
}
