// A trained net as a model of Spark ML.
package io.firesteel.ml

import io.firesteel.{FiresteelException, TrainConfig}
import io.firesteel.data.ImageRecords
import io.firesteel.jni.Kind
import io.firesteel.train.TrainedModel
import java.util.UUID
import org.apache.spark.SparkContext
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.ml.classification.ProbabilisticClassificationModel
import org.apache.spark.ml.firesteel.{HasSummary, SizedModel}
import org.apache.spark.ml.linalg.{DenseVector, Vector, Vectors}
import org.apache.spark.ml.param.ParamMap
import org.apache.spark.ml.util.{Identifiable, MLReadable, MLReader, MLWritable, MLWriter}
import org.apache.spark.sql.functions.col
import org.apache.spark.sql.types.{StructField, StructType}
import org.apache.spark.sql.{DataFrame, Dataset, Encoders}

/** Classifies images by a convolutional net. Made by [[CnnClassifier]], or loaded.
  *
  * `transform` appends `rawPrediction` (the net's outputs, one for each class), `probability` (their softmax) and `prediction`
  * (the number of the class with the highest probability, divided by its threshold if there are some). Where the weights are
  * no numbers, as of a run that diverged, the first two are NaN and the prediction is 0, as of Spark's own models. The net is
  * loaded once in each executor.
  */
final class CnnClassificationModel private[ml] (override val uid: String, held: Option[CnnClassificationModel.Content])
    extends ProbabilisticClassificationModel[Any, CnnClassificationModel]
    with CnnParams
    with HasSummary[CnnClassificationSummary]
    with SizedModel[CnnClassificationModel]
    with MLWritable {

  /** Without weights, for Spark ML, which makes an instance before it reads Params. */
  def this(uid: String) = this(uid, None)
  def this() = this(Identifiable.randomUID("cnn"))

  private[firesteel] def content: CnnClassificationModel.Content =
    held.getOrElse(throw new FiresteelException(Kind.CONFIG, s"$uid has no weights: fit or load a model"))

  @transient private var shared: Option[(SparkContext, Broadcast[ModelState])] = None

  /** The configuration that it was trained with, completed. */
  def config: TrainConfig = content.trained.config

  /** The classes by name in the order of their numbers; their numbers, if the labels were numbers. */
  def labels: Array[String] =
    if (content.labels.names.isEmpty) Array.tabulate(numClasses)(_.toString) else content.labels.names.toArray

  override def numClasses: Int = content.labels.count

  /** Values of an image as the net sees it: channels x height x width. */
  override def numFeatures: Int = 3 * config.side * config.side

  /** @group setParam */
  def setImageShape(value: Array[Int]): this.type = set(imageShape, value)

  /** @group setParam */
  def setImageLayout(value: String): this.type = set(imageLayout, value)

  /** @group setParam */
  def setBadImages(value: String): this.type = set(badImages, value)

  /** @group setParam */
  def setBadImageCol(value: String): this.type = set(badImageCol, value)

  override def transformSchema(schema: StructType): StructType = {
    features(schema)
    Columns.appended(schema, outputs)
  }

  private def outputs: Seq[StructField] = predicted ++ Columns.reason(this)

  private def predicted: Seq[StructField] = {
    val classes = content.labels.attribute($(predictionCol))
    Columns.predictions($(rawPredictionCol), $(probabilityCol), $(predictionCol), classes)
  }

  override def transform(dataset: Dataset[_]): DataFrame = {
    val schema = transformSchema(dataset.schema, logging = true)
    checkThresholds()
    val scorer = new Scorer(
      broadcast(dataset.sparkSession.sparkContext),
      features(dataset.schema),
      dataset.schema.fieldIndex($(featuresCol)),
      Columns.file(dataset.schema).map(field => dataset.schema.fieldIndex(field.name)),
      values,
      predicted.length,
      outputs.length > predicted.length,
      $(badImages)
    )
    val scored = dataset.toDF().mapPartitions(scorer(_))(Encoders.row(schema))
    // an encoder of rows loses the metadata of columns, by which Spark ML knows what labels mean
    scored.select(schema.map(column => col(Columns.quoted(column.name)).as(column.name, column.metadata)): _*)
  }

  /** Makes the values of the output columns from the logits of a row. */
  private def values: Array[Float] => Seq[Any] = {
    val (raw, probability, prediction) =
      ($(rawPredictionCol).nonEmpty, $(probabilityCol).nonEmpty, $(predictionCol).nonEmpty)
    val least = get(thresholds)
    logits => {
      val outputs = CnnClassificationModel.vector(logits)
      val probabilities = CnnClassificationModel.softmax(outputs.copy)
      val answer = CnnClassificationModel.prediction(probabilities, least)
      Seq(raw -> outputs, probability -> probabilities, prediction -> answer).collect { case (true, value) => value }
    }
  }

  private def checkThresholds(): Unit = for (values <- get(thresholds) if values.length != numClasses)
    throw new FiresteelException(Kind.CONFIG, s"${values.length} thresholds for $numClasses classes")

  /** Sent to executors once for each Spark context, however often it transforms. */
  private def broadcast(sc: SparkContext): Broadcast[ModelState] = synchronized {
    shared.collect { case (`sc`, state) => state }.getOrElse {
      val state = sc.broadcast(content.state)
      shared = Some(sc -> state)
      state
    }
  }

  /** The net's outputs for one value of the features column, computed on the driver.
    *
    * @throws FiresteelException of kind data for a value that is no image
    */
  override def predictRaw(features: Any): Vector = {
    val values = ImageFeatures.ofValue(features, rawShape)
    val record = ImageRecords.record(0, values.image(features))
    val predicted = content.state.predict(values.format(), values.format().chunk(Seq(0L -> record)), 1)
    for (why <- Option(predicted.refusals.head)) throw new FiresteelException(Kind.DATA, s"no image: $why")
    CnnClassificationModel.vector(predicted.logits)
  }

  override protected def raw2probabilityInPlace(rawPrediction: Vector): Vector =
    CnnClassificationModel.softmax(rawPrediction.toDense)

  override protected def weightBytes: Long = held.fold(0L)(_.trained.weights.length.toLong * java.lang.Float.BYTES)

  override protected def summaryBytes(summary: CnnClassificationSummary): Array[Byte] = summary.bytes

  override protected def summaryOf(bytes: Array[Byte], dataset: DataFrame): CnnClassificationSummary =
    CnnClassificationSummary.read(bytes, dataset, this)

  override def copy(extra: ParamMap): CnnClassificationModel = {
    val copied = copyValues(new CnnClassificationModel(uid, held), extra).setParent(parent)
    copied.summarised(summarised)
  }

  /** Writes Spark ML's metadata, and below `data` model.safetensors (PyTorch's names and shapes), preprocessing.safetensors
    * and model.json, which has the configuration and the labels.
    */
  override def write: MLWriter = new ModelFiles.Writer(this)

  override def toString: String =
    held.fold(s"CnnClassificationModel: uid=$uid")(c =>
      s"CnnClassificationModel: uid=$uid, net=${c.trained.config.net}, numClasses=${c.labels.count}"
    )
}

object CnnClassificationModel extends MLReadable[CnnClassificationModel] {

  /** What makes a model: the result of a run, and its classes. */
  private[firesteel] final case class Content(trained: TrainedModel, labels: Labels) {

    /** With a name of its own, so that executors that know another model of the same uid load this one. */
    private[ml] lazy val state: ModelState =
      ModelState(UUID.randomUUID.toString, trained.config.toJson, trained.weights, trained.normalizer)
  }

  /** A model that predicts with the result of a run.
    *
    * @param labels the classes by name in the order of their numbers, where they have names; those beyond them are called by
    *   their numbers
    * @throws FiresteelException of kind config for more names than classes
    */
  def of(trained: TrainedModel, labels: Seq[String] = Nil): CnnClassificationModel = {
    val classes = trained.config.classes.getOrElse {
      throw new FiresteelException(Kind.CONFIG, "the configuration does not say the number of classes")
    }
    if (labels.length > classes)
      throw new FiresteelException(Kind.CONFIG, s"${labels.length} names for a model of $classes classes")
    val names = if (labels.isEmpty) labels else labels ++ (labels.length until classes).map(_.toString)
    new CnnClassificationModel(
      Identifiable.randomUID("cnn"),
      Some(Content(trained, Labels(classes, names.toIndexedSeq)))
    )
  }

  override def read: MLReader[CnnClassificationModel] = new ModelFiles.Reader
  override def load(path: String): CnnClassificationModel = super.load(path)

  private def vector(logits: Array[Float]): DenseVector = new DenseVector(logits.map(_.toDouble))

  private def softmax(vector: DenseVector): DenseVector = {
    val values = vector.values
    val most = values.max
    for (at <- values.indices) values(at) = math.exp(values(at) - most)
    val sum = values.sum
    for (at <- values.indices) values(at) /= sum
    vector
  }

  /** As Spark's models do: the class with the largest probability, or ratio of probability and threshold. */
  private def prediction(probability: DenseVector, thresholds: Option[Array[Double]]): Double =
    thresholds
      .fold(probability.argmax) { least =>
        val ratios = probability.values.lazyZip(least).map((p, t) => if (t == 0) Double.PositiveInfinity else p / t)
        Vectors.dense(ratios).argmax
      }
      .toDouble
}
