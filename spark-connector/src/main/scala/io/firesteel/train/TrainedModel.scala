// The result of a run, and its two files.
package io.firesteel.train

import io.firesteel.TrainConfig
import io.firesteel.tensors.{TensorFile, Tensors, Values}
import java.io.{ByteArrayOutputStream, OutputStream}

/** @param config resolved, including `classes`
  * @param weights the last center as a flat vector in the order of `Engine.describe`
  * @param normalizer a mean for each value of an image (CHW, in 0..255) and 3 scales: x' = (x - mean) * scale
  */
case class TrainedModel(config: TrainConfig, weights: Array[Float], normalizer: Array[Float]) {

  /** Writes model.safetensors: the net's tensors by name (conv1.weight, ...), convolutions OIHW. */
  def writeModel(out: OutputStream): Unit =
    TensorFile.write(out, Tensors.net(config).forPyTorch, Seq(Values.Floats(weights)))

  /** Writes preprocessing.safetensors: `mean` [3, side, side] and `scale` [3]. */
  def writePreprocessing(out: OutputStream): Unit =
    TensorFile.write(out, Tensors.preprocessing(config.side).forPyTorch, Seq(Values.Floats(normalizer)))

  /** The bytes of model.safetensors; only for a model below 2 GiB, the most that an array holds. */
  def toSafetensors: Array[Byte] = TrainedModel.bytes(writeModel)

  /** The bytes of preprocessing.safetensors. */
  def preprocessing: Array[Byte] = TrainedModel.bytes(writePreprocessing)
}

object TrainedModel {
  private def bytes(write: OutputStream => Unit): Array[Byte] = {
    val out = new ByteArrayOutputStream()
    write(out)
    out.toByteArray
  }
}
