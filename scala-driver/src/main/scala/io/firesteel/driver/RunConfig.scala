// What `config.json` keeps of a run: at the top what its user asked for, and under `completed` the whole configuration.
// The engine's `config/record.rs` writes and reads the same for the program `sequential`.
package io.firesteel.driver

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode

import java.nio.charset.StandardCharsets.UTF_8

/** @param asked what another run that is given the file is asked for, which derives all else anew
  * @param completed of the run itself, which goes on with it when it is resumed
  */
final case class RunConfig(asked: ObjectNode, completed: ObjectNode) {

  /** The file. That the run was resumed is nothing to ask of another. */
  def bytes: Array[Byte] = {
    val file = asked.deepCopy()
    file.remove("resume")
    file.set[JsonNode](RunConfig.Completed, completed)
    (file.toPrettyString + "\n").getBytes(UTF_8)
  }
}

object RunConfig {
  private val Completed = "completed"

  /** The file that holds `bytes`; `source` names it in messages. One of the time before files said what was completed
    * has every key at the top.
    */
  def parse(bytes: Array[Byte], source: String): RunConfig = {
    val file = ConfigFile.parse(bytes, source)
    val asked = withoutCompleted(file)
    file.get(Completed) match {
      case completed: ObjectNode => RunConfig(asked, completed)
      case _                     => RunConfig(asked, asked)
    }
  }

  /** What a configuration file asks for, be it written by hand or by a run. */
  def withoutCompleted(file: ObjectNode): ObjectNode = {
    val asked = file.deepCopy()
    asked.remove(Completed)
    asked
  }
}
