// The file `config.json` of a run: the keys that were set, under `completed` the whole configuration, and under `labels` the
// classes' names. The engine's `config/record.rs` writes and reads the same, without names, for the program `sequential`.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.FiresteelException
import io.firesteel.jni.Kind

import java.nio.charset.StandardCharsets.UTF_8
import scala.jdk.CollectionConverters._

/** @param asked the keys that were set; another run that is given the file reads only these, and derives the rest anew
  * @param completed the whole configuration, with which the run is resumed and its model evaluated
  * @param labels the classes in the order of their numbers; empty if the data set has no names for them
  */
final case class RunConfig(asked: ObjectNode, completed: ObjectNode, labels: IndexedSeq[String]) {

  /** The contents of the file; without `resume`, which another run must not inherit. */
  def bytes: Array[Byte] = {
    val file = asked.deepCopy()
    file.remove("resume")
    file.set[JsonNode](RunConfig.Completed, completed)
    if (labels.nonEmpty) {
      val names = file.putArray(RunConfig.Labels)
      labels.foreach(name => names.add(name))
    }
    (file.toPrettyString + "\n").getBytes(UTF_8)
  }
}

object RunConfig {
  private val Completed = "completed"
  private val Labels = "labels"

  /** Reads the contents of a file; `source` names it in messages. Files of earlier versions have no `completed`: all
    * their keys count as set.
    *
    * @throws FiresteelException of kind config for what is no such file
    */
  def parse(bytes: Array[Byte], source: String): RunConfig = {
    val file = ConfigFile.parse(bytes, source)
    val asked = onlyAsked(file)
    val labels = file.path(Labels).elements.asScala.toIndexedSeq
    if (file.has(Labels) && !(file.get(Labels).isArray && labels.forall(_.isTextual)))
      throw new FiresteelException(Kind.CONFIG, s"$source: key '$Labels' is no list of names")
    file.get(Completed) match {
      case completed: ObjectNode => RunConfig(asked, completed, labels.map(_.asText))
      case _                     => RunConfig(asked, asked, labels.map(_.asText))
    }
  }

  /** The keys that a configuration file sets, whether a person or a run wrote it. */
  def onlyAsked(file: ObjectNode): ObjectNode = {
    val asked = file.deepCopy()
    asked.remove(java.util.List.of(Completed, Labels))
    asked
  }
}
