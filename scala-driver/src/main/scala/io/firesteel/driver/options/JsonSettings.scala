// Settings laid over one another: what a run recorded, under a configuration file, under the command line.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}

object JsonSettings {

  /** Two ways to say how long to train: the upper layer's choice replaces the lower one's, whichever that was. */
  private val lengths = Seq("iterations", "epochs")

  def empty: ObjectNode = JsonNodeFactory.instance.objectNode()

  /** The settings of both, `upper` winning; neither is changed. */
  def merge(lower: ObjectNode, upper: ObjectNode): ObjectNode = {
    val merged = lower.deepCopy()
    if (lengths.exists(upper.has)) lengths.foreach(key => merged.remove(key))
    merged.setAll[ObjectNode](upper)
    merged
  }
}
