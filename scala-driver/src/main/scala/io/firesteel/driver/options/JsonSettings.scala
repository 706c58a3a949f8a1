// Settings as JSON, and how they are merged: the command line overrides a configuration file, and both override what a
// resumed run recorded.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}

object JsonSettings {

  /** Two ways to say how long to train: either one in `upper` replaces both in `lower`. */
  private val lengths = Seq("iterations", "epochs")

  def empty: ObjectNode = JsonNodeFactory.instance.objectNode()

  /** A new object with the settings of both; `upper` has precedence. */
  def merge(lower: ObjectNode, upper: ObjectNode): ObjectNode = {
    val merged = lower.deepCopy()
    if (lengths.exists(upper.has)) lengths.foreach(key => merged.remove(key))
    merged.setAll[ObjectNode](upper)
    merged
  }
}
