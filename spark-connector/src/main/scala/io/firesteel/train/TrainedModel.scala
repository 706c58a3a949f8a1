// The result of a run, and its two files.
package io.firesteel.train

import io.firesteel.{StoredFile, TrainConfig}
import io.firesteel.tensors.{Target, TensorFile, Tensors, Values}
import io.firesteel.train.workers.NativeLibrary
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

  /** Reads what `writeModel` and `writePreprocessing` wrote.
    *
    * @param config resolved
    * @throws io.firesteel.FiresteelException of kind layout if a file does not belong to the configuration's net
    */
  def read(config: TrainConfig, model: StoredFile, preprocessing: StoredFile): TrainedModel = {
    NativeLibrary.load()
    TrainedModel(config, read(Tensors.net(config), model), read(Tensors.preprocessing(config.side), preprocessing))
  }

  /** The flat vector of `layout`; the file may have the tensors in any order. */
  private[train] def read(layout: Tensors, file: StoredFile): Array[Float] = {
    val tensors = TensorFile.open(file)
    tensors.check(layout.shapes)
    val starts = layout.shapes.scanLeft(0)((start, tensor) => Math.toIntExact(start + tensor._2.product))
    val values = new Array[Float](starts.last)
    tensors.read(
      layout.shapes.zip(starts).map { case ((name, _), start) => name -> Target.Floats(values, start) }.toMap
    )
    values
  }

  private def bytes(write: OutputStream => Unit): Array[Byte] = {
    val out = new ByteArrayOutputStream()
    write(out)
    out.toByteArray
  }
}
