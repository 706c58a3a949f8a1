// Runs the cells of a notebook one after another, and ends the one that runs.
package io.firesteel.notebook

import org.apache.spark.SparkContext
import org.apache.spark.scheduler.{SparkListener, SparkListenerJobStart}

import java.io.ByteArrayInputStream
import java.util.concurrent.ConcurrentHashMap

/** A cell's Spark jobs are a job group, so that jobs of other cells, such as those of streams, go on when it is interrupted. */
private[notebook] final class Cells(sc: SparkContext, interpreter: Interpreter, channel: Channel) {
  private val interrupted = ConcurrentHashMap.newKeySet[String]()
  private var running: Option[(Thread, String)] = None // and its job group

  /** Spark cancels the jobs of a group that run; threads of an interrupted cell may start others. */
  sc.addSparkListener(new SparkListener {
    override def onJobStart(start: SparkListenerJobStart): Unit =
      Option(start.properties).flatMap(p => Option(p.getProperty(Cells.Group))).filter(interrupted.contains).foreach {
        _ =>
          sc.cancelJob(start.jobId, Cells.Reason)
      }
  })

  /** Runs a cell on this thread. */
  def run(id: Long, code: String): Outcome = {
    val group = s"cell-$id"
    sc.setJobGroup(group, code.linesIterator.map(_.trim).find(_.nonEmpty).getOrElse(""), interruptOnCancel = true)
    synchronized { running = Some((Thread.currentThread, group)) }
    val outcome =
      try
        Console.withOut(channel.stdout.printer) {
          Console.withErr(channel.stderr.printer) {
            Console.withIn(new ByteArrayInputStream(Array.emptyByteArray))(interpreter.run(code))
          }
        }
      finally {
        synchronized {
          running = None
          Thread.interrupted() // one that came too late is not the next cell's
        }
        sc.clearJobGroup()
      }
    outcome match {
      case _: Outcome.Failed if interrupted.contains(group) =>
        Outcome.Failed("Interrupted", "the cell was interrupted", Seq("Interrupted: the cell was interrupted"))
      case other => other
    }
  }

  /** Ends the cell that runs, if one does: its Spark jobs and its thread. */
  def interrupt(): Unit = synchronized {
    running.foreach { case (thread, group) =>
      interrupted.add(group)
      if (!sc.isStopped) sc.cancelJobGroup(group)
      thread.interrupt()
    }
  }
}

private[notebook] object Cells {
  private val Group = "spark.jobGroup.id" // SparkContext.SPARK_JOB_GROUP_ID, which Spark keeps to itself
  private val Reason = "the notebook's cell was interrupted"
}
