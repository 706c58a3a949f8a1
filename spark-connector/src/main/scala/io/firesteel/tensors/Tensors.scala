// The tensors of which a flat vector or a safetensors file consists.
package io.firesteel.tensors

import com.fasterxml.jackson.databind.node.ArrayNode
import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{Json, TrainConfig}
import io.firesteel.jni.Engine

/** Names and shapes in the order of the flat vector, and the metadata of the file. */
private[firesteel] case class Tensors(shapes: Seq[(String, Seq[Long])], metadata: Map[String, String] = Map.empty) {

  def withMetadata(pairs: (String, String)*): Tensors = copy(metadata = metadata ++ pairs)

  /** With the metadata that PyTorch's loaders expect. */
  def forPyTorch: Tensors = withMetadata("format" -> "pt")

  /** The JSON that [[io.firesteel.jni.Engine#tensorsHeader]] reads. */
  def json: String = {
    val root = Json.mapper.createObjectNode()
    val tensors = root.putArray("tensors")
    shapes.foreach { case (name, shape) =>
      val sizes: ArrayNode = tensors.addObject().put("name", name).putArray("shape")
      shape.foreach(size => sizes.add(size))
    }
    val meta = root.putObject("metadata")
    metadata.toSeq.sorted.foreach { case (key, value) => meta.put(key, value) }
    root.toString
  }
}

private[firesteel] object Tensors {

  /** The tensors of the configuration's net. */
  def net(config: TrainConfig): Tensors = Tensors(shapesOf(Json.mapper.readTree(Engine.describe(config.toJson))))

  /** The tensors of preprocessing.safetensors, for images of that side. */
  def preprocessing(side: Int): Tensors = Tensors(Seq("mean" -> Seq(3L, side.toLong, side.toLong), "scale" -> Seq(3L)))

  /** Length of a tensor that holds `bytes` bytes of anything: these files have f32 tensors only, so 4 bytes a value. */
  def packedLength(bytes: Long): Long = (bytes + TensorFile.Width - 1) / TensorFile.Width

  /** The names and shapes in JSON that the engine returned. */
  def shapesOf(described: JsonNode): Seq[(String, Seq[Long])] = {
    val tensors = described.get("tensors")
    (0 until tensors.size).map { i =>
      val shape = tensors.get(i).get("shape")
      tensors.get(i).get("name").asText -> (0 until shape.size).map(shape.get(_).asLong)
    }
  }
}
