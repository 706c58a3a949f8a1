// Evaluates a saved model on a data set, divided among workers as in training.
package io.firesteel.train

import io.firesteel.{FiresteelException, StoredFile, TrainConfig}
import io.firesteel.data.{ImageSource, RecordFormat}
import io.firesteel.jni.Kind
import io.firesteel.tensors.{Target, TensorFile, Tensors}
import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.placement.Slots
import io.firesteel.train.run.Plan
import io.firesteel.train.workers.{NativeLibrary, Workers}
import java.util.UUID
import org.apache.spark.SparkContext
import scala.util.Using

/** `accuracy` is a fraction, `loss` the mean over `rows`. The loss is NaN if it was not finite; then the accuracy is
  * meaningless.
  */
case class EvaluationResult(rows: Long, accuracy: Double, loss: Double)

object Evaluation {

  /** Evaluates a model on all rows of `source`.
    *
    * @param config the model's resolved configuration (config.json); `workers`, `batch` and `threads` may be others
    * @param model model.safetensors
    * @param preprocessing preprocessing.safetensors
    * @param waiting called if the run waits for executors for longer than a moment
    * @throws FiresteelException of kind config if model and data set have different classes, of kind layout if a file
    *   does not belong to the configuration's net
    */
  def evaluate(
      sc: SparkContext,
      source: ImageSource,
      config: TrainConfig,
      model: StoredFile,
      preprocessing: StoredFile,
      waiting: String => Unit = _ => ()
  ): EvaluationResult = FiresteelException.unwrapping {
    NativeLibrary.load()
    checkClasses(config, source)
    val slots = Slots.settled(sc, config.workers, waiting)
    val workers = config.workers.getOrElse(if (slots > 0) slots else throw Slots.unknown(sc))
    val plan = Plan.described(config.copy(workers = Some(workers)).toJson)
    val weights = read(plan.tensors, model)
    val normalizer = read(Tensors.preprocessing(config.side), preprocessing)
    Using.Manager { use =>
      val run = UUID.randomUUID.toString
      val watch = use(new FaultWatch(sc, run, (_, _) => ()))
      val workers = use(Workers.load(sc, source, plan, run, watch))
      val dropped = workers.load().bad.checked(source, config.badImages)
      dropped.foreach(images => waiting(images.text))
      val score = workers.evaluate(weights, normalizer)
      EvaluationResult(source.rows - dropped.fold(0L)(_.count), score.accuracy, score.loss)
    }.get
  }

  /** The same with files that are in memory. */
  def evaluate(
      sc: SparkContext,
      source: ImageSource,
      config: TrainConfig,
      model: Array[Byte],
      preprocessing: Array[Byte]
  ): EvaluationResult =
    evaluate(sc, source, config, StoredFile.of("model", model), StoredFile.of("preprocessing", preprocessing))

  /** The flat vector of `layout`; the file may have the tensors in any order. */
  private def read(layout: Tensors, file: StoredFile): Array[Float] = {
    val tensors = TensorFile.open(file)
    tensors.check(layout.shapes)
    val starts = layout.shapes.scanLeft(0)((start, tensor) => Math.toIntExact(start + tensor._2.product))
    val values = new Array[Float](starts.last)
    tensors.read(
      layout.shapes.zip(starts).map { case ((name, _), start) => name -> Target.Floats(values, start) }.toMap
    )
    values
  }

  /** Where a data set has as many classes as labels occur, they may be fewer than the model has. */
  private def checkClasses(config: TrainConfig, source: ImageSource): Unit = {
    val fits = source.format match {
      case RecordFormat.Cifar10 | RecordFormat.Cifar100 => config.classes.contains(source.classes)
      case _                                            => config.classes.exists(_ >= source.classes)
    }
    if (!fits) {
      val known = config.classes.fold("an unknown number of")(_.toString)
      throw new FiresteelException(
        Kind.CONFIG,
        s"a model of $known classes does not fit a data set of ${source.classes}"
      )
    }
  }
}
