// What an examination of a cluster has found, and how it is told: a table for people, JSON for programs.
package io.firesteel.train.doctor

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.Json

/** How much a finding matters. */
sealed abstract class Level(val name: String) extends Serializable

object Level {

  /** As it should be. */
  case object Ok extends Level("ok")

  /** Training works, and may be slow or meet trouble. */
  case object Note extends Level("note")

  /** Training fails. */
  case object Problem extends Level("problem")
}

/** One subject that was looked at in one place.
  *
  * @param place the driver, an executor with its host, or `all` for what is of the whole application
  * @param remedy what to do, with the line to write; empty where nothing is to be done
  */
final case class Finding(subject: String, place: String, level: Level, value: String, remedy: String = "")

/** Numbers that were measured in one place, by names that end in their unit. */
final case class Measures(place: String, values: Seq[(String, Double)])

/** @param about what was examined: name and version of each program, and Spark's master */
final case class Diagnosis(about: Seq[(String, String)], findings: Seq[Finding], measures: Seq[Measures]) {
  def problems: Int = findings.count(_.level == Level.Problem)
  def notes: Int = findings.count(_.level == Level.Note)

  /** Whether a run can be expected to work. */
  def ok: Boolean = problems == 0

  /** In one line. */
  def verdict: String = {
    def counted(count: Int, what: String) = s"$count $what${if (count == 1) "" else "s"}"
    if (problems + notes == 0) "no problems"
    else s"${counted(problems, "problem")}, ${counted(notes, "note")}"
  }

  /** A table: what was found alike in several places is one line. Below it stand the remedies and the verdict. */
  def text: String = {
    val rows = merged
    val subjects = rows.map(_.subject.length).max
    val places = rows.map(_.place.length).max
    val table = rows.map { row =>
      val mark = if (row.level == Level.Problem) row.level.name.toUpperCase(java.util.Locale.ROOT) else row.level.name
      val head =
        s"${mark.padTo(Diagnosis.Mark, ' ')}  ${row.subject.padTo(subjects, ' ')}  ${row.place.padTo(places, ' ')}"
      s"$head  ${row.value}" + (if (row.remedy.isEmpty) "" else s"\n${" " * (Diagnosis.Mark + 2)}do: ${row.remedy}")
    }
    (about.map { case (name, value) => s"$name $value" }.mkString(", ") +: table :+ verdict).mkString("\n")
  }

  private def merged: Seq[Finding] =
    findings
      .groupBy(_.copy(place = ""))
      .toSeq
      .map { case (finding, alike) =>
        findings.indexOf(alike.head) -> finding.copy(place = listed(alike.map(_.place).distinct))
      }
      .sortBy(_._1)
      .map(_._2)

  private def listed(places: Seq[String]): String = {
    val executors = findings.map(_.place).distinct.filter(_.startsWith(Diagnosis.Executor))
    val (some, others) = places.partition(executors.contains)
    if (some.size > 1 && some.size == executors.size) (others :+ s"all ${some.size} executors").mkString(", ")
    else if (places.size <= Diagnosis.Named) places.mkString(", ")
    else s"${places.take(Diagnosis.Named - 1).mkString(", ")} and ${places.size - Diagnosis.Named + 1} more"
  }

  /** One object; a remedy is there where something is to be done. */
  def json: String = {
    val node = Json.mapper.createObjectNode()
    about.foreach { case (name, value) => node.put(name, value) }
    node.put("ok", ok).put("problems", problems).put("notes", notes)
    val list = node.putArray("findings")
    for (finding <- findings) {
      val one = list.addObject().put("subject", finding.subject).put("place", finding.place)
      one.put("level", finding.level.name).put("value", finding.value)
      if (finding.remedy.nonEmpty) one.put("remedy", finding.remedy)
    }
    val numbers = node.putArray("measures")
    for (measured <- measures) {
      val one: ObjectNode = numbers.addObject().put("place", measured.place)
      measured.values.foreach { case (name, value) => one.put(name, value) }
    }
    node.toString
  }
}

object Diagnosis {
  private val Mark = Level.Problem.name.length
  private val Named = 3 // places that are listed

  /** How the place of an executor begins. */
  private[doctor] val Executor = "executor "
}
