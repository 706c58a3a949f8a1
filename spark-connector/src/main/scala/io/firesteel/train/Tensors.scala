// Layouts of the flat vectors as the JSON that Engine.encodeTensors and decodeTensors read.
package io.firesteel.train

import com.fasterxml.jackson.databind.node.ArrayNode
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.firesteel.jni.Engine
import java.nio.ByteBuffer
import java.nio.ByteOrder.LITTLE_ENDIAN
import java.util.Arrays

/** Names and shapes in the order in which they lie in a flat vector, and a file's metadata. */
private[train] case class Tensors(shapes: Seq[(String, Seq[Long])], metadata: Map[String, String] = Map.empty) {

  def withMetadata(pairs: (String, String)*): Tensors = copy(metadata = metadata ++ pairs)

  /** The mark by which PyTorch's loaders know their own. */
  def forPyTorch: Tensors = withMetadata("format" -> "pt")

  def json: String = {
    val root = Tensors.mapper.createObjectNode()
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

private[train] object Tensors {
  val mapper = new ObjectMapper()

  /** The tensors of the configuration's net. */
  def net(config: TrainConfig): Tensors = Tensors(shapesOf(mapper.readTree(Engine.describe(config.toJson))))

  val preprocessing: Tensors = Tensors(Seq("mean" -> Seq(3L, 32L, 32L), "scale" -> Seq(3L)))

  /** Any bytes as a tensor of f32, four to a value, since nothing else lies in these files; never computed with. */
  def packed(bytes: Array[Byte]): Array[Float] = {
    val values = new Array[Float](packedLength(bytes.length))
    ByteBuffer.wrap(Arrays.copyOf(bytes, values.length * WordBytes)).order(LITTLE_ENDIAN).asFloatBuffer().get(values)
    values
  }

  /** The bytes that `packed` took, `length` of them. */
  def unpacked(values: Array[Float], length: Int): Array[Byte] = {
    val bytes = ByteBuffer.allocate(values.length * WordBytes).order(LITTLE_ENDIAN)
    bytes.asFloatBuffer().put(values)
    Arrays.copyOf(bytes.array, length)
  }

  def packedLength(bytes: Int): Int = (bytes + WordBytes - 1) / WordBytes

  private val WordBytes = java.lang.Float.BYTES

  def shapesOf(described: JsonNode): Seq[(String, Seq[Long])] = {
    val tensors = described.get("tensors")
    (0 until tensors.size).map { i =>
      val shape = tensors.get(i).get("shape")
      tensors.get(i).get("name").asText -> (0 until shape.size).map(shape.get(_).asLong)
    }
  }
}
