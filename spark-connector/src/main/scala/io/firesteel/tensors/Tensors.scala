// Layouts of the flat vectors as the JSON that Engine.tensorsHeader reads.
package io.firesteel.tensors

import com.fasterxml.jackson.databind.node.ArrayNode
import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{Json, TrainConfig}
import io.firesteel.jni.Engine

/** Names and shapes in the order in which they lie in a flat vector, and a file's metadata. */
private[firesteel] case class Tensors(shapes: Seq[(String, Seq[Long])], metadata: Map[String, String] = Map.empty) {

  def withMetadata(pairs: (String, String)*): Tensors = copy(metadata = metadata ++ pairs)

  /** The mark by which PyTorch's loaders know their own. */
  def forPyTorch: Tensors = withMetadata("format" -> "pt")

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

  val preprocessing: Tensors = Tensors(Seq("mean" -> Seq(3L, 32L, 32L), "scale" -> Seq(3L)))

  /** Floats that `bytes` bytes take as a tensor: four to a value, since nothing but f32 lies in these files. */
  def packedLength(bytes: Long): Long = (bytes + TensorFile.Width - 1) / TensorFile.Width

  def shapesOf(described: JsonNode): Seq[(String, Seq[Long])] = {
    val tensors = described.get("tensors")
    (0 until tensors.size).map { i =>
      val shape = tensors.get(i).get("shape")
      tensors.get(i).get("name").asText -> (0 until shape.size).map(shape.get(_).asLong)
    }
  }
}
