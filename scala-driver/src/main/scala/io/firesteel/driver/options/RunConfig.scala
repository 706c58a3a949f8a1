// The file `config.json` of a run: the keys that were set, and under `completed` the whole configuration. The engine's
// `config/record.rs` writes and reads the same for the program `sequential`.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode

import java.nio.charset.StandardCharsets.UTF_8

/** @param asked the keys that were set; another run that is given the file reads only these, and derives the rest anew
  * @param completed the whole configuration, with which the run is resumed and its model evaluated
  */
final case class RunConfig(asked: ObjectNode, completed: ObjectNode) {

  /** The contents of the file; without `resume`, which another run must not inherit. */
  def bytes: Array[Byte] = {
    val file = asked.deepCopy()
    file.remove("resume")
    file.set[JsonNode](RunConfig.Completed, completed)
    (file.toPrettyString + "\n").getBytes(UTF_8)
  }
}

object RunConfig {
  private val Completed = "completed"

  /** Reads the contents of a file; `source` names it in messages. Files of earlier versions have no `completed`: all
    * their keys count as set.
    */
  def parse(bytes: Array[Byte], source: String): RunConfig = {
    val file = ConfigFile.parse(bytes, source)
    val asked = withoutCompleted(file)
    file.get(Completed) match {
      case completed: ObjectNode => RunConfig(asked, completed)
      case _                     => RunConfig(asked, asked)
    }
  }

  /** The keys that a configuration file sets, whether a person or a run wrote it. */
  def withoutCompleted(file: ObjectNode): ObjectNode = {
    val asked = file.deepCopy()
    asked.remove(Completed)
    asked
  }
}
