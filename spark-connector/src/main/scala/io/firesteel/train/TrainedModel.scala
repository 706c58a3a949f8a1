// The result of a run, and its two files' bytes.
package io.firesteel.train

import io.firesteel.jni.Engine

/** @param config resolved, `classes` included
  * @param weights the center, flat, in the order of `Engine.describe`
  * @param normalizer 3072 means (CHW, in 0..255) and 3 scales: x' = (x - mean) * scale
  */
case class TrainedModel(config: TrainConfig, weights: Array[Float], normalizer: Array[Float]) {

  /** model.safetensors: the net's tensors by name (conv1.weight, ...), convolutions OIHW. */
  def toSafetensors: Array[Byte] = Engine.encodeTensors(Tensors.net(config).forPyTorch.json, weights)

  /** preprocessing.safetensors: `mean` [3, 32, 32] and `scale` [3]. */
  def preprocessing: Array[Byte] = Engine.encodeTensors(Tensors.preprocessing.forPyTorch.json, normalizer)
}
