// The files of a comparison: results.jsonl, a line for each run that has ended, and what is made of it. Each is replaced as
// a whole, so that readers never see the half of one.
package io.firesteel.compare

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{Failure, FiresteelException, Json, Uninterrupted}
import io.firesteel.files.Directory
import io.firesteel.jni.Kind
import java.nio.charset.StandardCharsets.UTF_8
import scala.collection.mutable

/** The results in the directory of a comparison. */
private[compare] final class Results(out: Directory, cells: Seq[PlannedCell], report: ReportData) {
  private val lines = mutable.LinkedHashMap.empty[String, ObjectNode]

  for (bytes <- out.read(Comparison.Results); line <- Results.read(bytes, out.location(Comparison.Results)))
    lines(line.path("digest").asText) = line

  /** Whether there is a result of a run that did not fail. */
  def has(cell: PlannedCell): Boolean = lines.get(cell.digest).exists(_.path("status").asText == "done")

  def failures: Int = cells.count(cell => lines.get(cell.digest).exists(_.path("status").asText == "failed"))

  def add(line: ObjectNode): Unit = synchronized {
    lines(line.get("digest").asText) = line
    write()
  }

  /** Writes the results, also of runs that the matrix does not have any more, and the report of those that it has. An
    * interruption waits until they are written: the result of hours is not lost for it.
    */
  def write(): Unit = synchronized(Uninterrupted(replaceAll()))

  private def replaceAll(): Unit = {
    out.write(Comparison.Results, lines.values.map(line => s"$line\n").mkString.getBytes(UTF_8))
    val data = report.data(cells.map(cell => cell -> lines.get(cell.digest)))
    out.write(Comparison.Report, Report.html(data).getBytes(UTF_8))
    out.write(Comparison.Table, SummaryTable.csv(data).getBytes(UTF_8))
    out.write(Comparison.Tex, SummaryTable.tex(data).getBytes(UTF_8))
    for ((name, plot) <- Plots.svgs(data)) out.write(name, plot.getBytes(UTF_8))
  }
}

private[compare] object Results {

  /** @throws FiresteelException of kind data, with file and line, for what is no result */
  def read(bytes: Array[Byte], source: String): Seq[ObjectNode] =
    new String(bytes, UTF_8).linesIterator.filter(_.nonEmpty).toSeq.zipWithIndex.map { case (line, at) =>
      try Json.mapper.readTree(line).asInstanceOf[ObjectNode]
      catch {
        case e: Exception =>
          throw new FiresteelException(Kind.DATA, s"$source, line ${at + 1}: ${Failure.sentence(e.getMessage)}", e)
      }
    }
}
