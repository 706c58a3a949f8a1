// A run that goes on from a checkpoint if there is one, for callers who ask for the same run again without knowing whether
// it was begun.
package io.firesteel.train

import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{CheckpointStore, Json, Schema, TrainConfig}
import io.firesteel.train.run.Checkpoint
import scala.jdk.CollectionConverters._

private[firesteel] object Resumption {

  /** The settings on which the weights depend, without those that have their defaults: runs on the same rows that differ in
    * them refuse each other's checkpoints. What the cluster decides for lack of a setting is not among them.
    */
  def decisive(config: TrainConfig): ObjectNode = {
    val settings = Json.mapper.readTree(config.toJson).asInstanceOf[ObjectNode]
    val others = settings.properties.asScala.filter { setting =>
      Checkpoint.MayDiffer(setting.getKey) || Schema.defaults.get(setting.getKey).contains(setting.getValue)
    }
    settings.remove(others.map(_.getKey).toSeq.asJava)
    settings
  }

  /** `config` for the run whose checkpoint `store` has; itself if there is none. What was left to the cluster is as it was
    * when the run began, on another cluster, too: the number of workers, and the precision that `auto` chose.
    */
  def of(config: TrainConfig, store: CheckpointStore): TrainConfig =
    Checkpoint.configuration(store).fold(config) { saved =>
      val precision = Option(saved.get("precision")).filter(_ => config.precision == "auto").map(_.asText)
      config.copy(
        workers = config.workers.orElse(Option(saved.get("workers")).map(_.asInt)),
        precision = precision.getOrElse(config.precision),
        resume = true
      )
    }
}
