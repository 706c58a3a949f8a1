// Evaluates a saved model on a data set, divided among workers as in training.
package io.firesteel.train

import io.firesteel.{FiresteelException, StoredFile, TrainConfig}
import io.firesteel.data.{ImageSource, RecordFormat}
import io.firesteel.jni.Kind
import io.firesteel.tensors.{PackedVector, Tensors}
import io.firesteel.train.faults.FaultWatch
import io.firesteel.train.placement.Slots
import io.firesteel.train.run.Plan
import io.firesteel.train.workers.{ClassScore, NativeLibrary, Workers}
import java.util.UUID
import org.apache.spark.SparkContext
import scala.util.Using

object Evaluation {
  private val MostWithoutTop5 = 10 // classes of which five are half

  /** Evaluates a model on all rows of `source`.
    *
    * @param config the model's resolved configuration (config.json); `workers`, `batch` and `threads` may be others
    * @param model model.safetensors
    * @param preprocessing preprocessing.safetensors
    * @param tell called with a line for people if the evaluation waits for executors for longer than a moment, and if
    *   it leaves out rows that are no images
    * @throws FiresteelException of kind config if model and data set have different classes, of kind layout if a file
    *   does not belong to the configuration's net
    */
  def evaluate(
      sc: SparkContext,
      source: ImageSource,
      config: TrainConfig,
      model: StoredFile,
      preprocessing: StoredFile,
      tell: String => Unit = _ => ()
  ): EvaluationResult = FiresteelException.unwrapping(RunSettings.within(sc) {
    NativeLibrary.load()
    val classes = checkedClasses(config, source)
    val slots = Slots.settled(sc, config.workers, tell)
    val workers = config.workers.getOrElse(if (slots > 0) slots else throw Slots.unknown(sc))
    val plan = Plan.described(config.copy(workers = Some(workers)).toJson)
    val weights = TrainedModel.read(plan.tensors, model)
    val normalizer = TrainedModel.read(Tensors.preprocessing(config.side), preprocessing)
    Using.Manager { use =>
      val run = UUID.randomUUID.toString
      val watch = use(new FaultWatch(sc, run, (_, _) => ()))
      val workers = use(Workers.load(sc, source, plan, run, watch))
      val dropped = workers.load().bad.checked(source, config.badImages)
      dropped.foreach(images => tell(images.text))
      result(source.names, workers.evaluateClasses(PackedVector(weights), normalizer, classes))
    }.get
  })

  /** The same with files that are in memory. */
  def evaluate(
      sc: SparkContext,
      source: ImageSource,
      config: TrainConfig,
      model: Array[Byte],
      preprocessing: Array[Byte]
  ): EvaluationResult =
    evaluate(sc, source, config, StoredFile.of("model", model), StoredFile.of("preprocessing", preprocessing))

  /** @param names of classes in the order of their labels; those without one are called by their numbers */
  private def result(names: IndexedSeq[String], sums: ClassScore): EvaluationResult = {
    val (rows, classes) = (sums.rows.sum, sums.rows.indices)
    val top5 = Option.when(classes.length > MostWithoutTop5)(sums.amongFive.toDouble / rows)
    val each = classes.map { label =>
      ClassResult(names.lift(label).getOrElse(s"$label"), sums.rows(label), sums.predicted(label), sums.correct(label))
    }
    EvaluationResult(rows, sums.score.accuracy, sums.score.loss, top5, each, sums.confusion)
  }

  /** The model's classes. Where a data set has as many classes as labels occur, they may be fewer than the model has. */
  private def checkedClasses(config: TrainConfig, source: ImageSource): Int = {
    val fitting = source.format match {
      case RecordFormat.Cifar10 | RecordFormat.Cifar100 => config.classes.filter(_ == source.classes)
      case _                                            => config.classes.filter(_ >= source.classes)
    }
    fitting.getOrElse {
      val known = config.classes.fold("an unknown number of")(_.toString)
      throw new FiresteelException(
        Kind.CONFIG,
        s"a model of $known classes does not fit a data set of ${source.classes}"
      )
    }
  }
}
