// Training a net on a DataFrame of images, as an estimator of Spark ML.
package io.firesteel.ml

import io.firesteel.{CheckpointStore, EndReason, FiresteelException, TrainConfig, TrainListener}
import io.firesteel.jni.Kind
import io.firesteel.tensorboard.TensorBoard
import io.firesteel.train.{Resumption, TrainedModel, Training}
import org.apache.spark.ml.classification.ProbabilisticClassifier
import org.apache.spark.ml.firesteel.Instrumented
import org.apache.spark.ml.param.{Param, ParamMap}
import org.apache.spark.ml.util.{DefaultParamsReadable, DefaultParamsWritable, Identifiable}
import org.apache.spark.sql.Dataset
import org.apache.spark.sql.types.{Metadata, StructType}
import scala.util.Using

/** Trains a convolutional net on the executors.
  *
  * The features column holds Spark's image structs, the content of JPEG and PNG files (as `binaryFile` reads them), or raw
  * values whose shape is said with `imageShape`. The label column holds class numbers from 0, or strings, which get numbers in
  * sorted order. Rows whose `validationIndicatorCol` is true are evaluated during training and not learnt.
  *
  * Its Params are the settings of the table that docs/configuration.md describes. One that is not set has the default that
  * the net's recipe or the cluster gives.
  */
final class CnnClassifier(override val uid: String)
    extends ProbabilisticClassifier[Any, CnnClassifier, CnnClassificationModel]
    with CnnParams
    with SettingSetters[CnnClassifier]
    with DefaultParamsWritable {
  def this() = this(Identifiable.randomUID("cnn"))

  @transient private var listener: Option[TrainListener] = None

  /** A directory on any Hadoop file system. With it `fit` saves a checkpoint with every evaluation (`evalEvery`), and with
    * validation rows or without. If a fit is interrupted, the next one with the same settings, rows and directory goes on
    * from there; once a fit has ended, its checkpoint is gone. Fits of other settings or rows have places of their own below
    * the directory.
    * @group param
    */
  val checkpointDir: Param[String] = new Param(
    this,
    "checkpointDir",
    "directory, on any Hadoop file system, in which a fit keeps a checkpoint, so that the next fit of the same settings and " +
      "rows goes on if this one is interrupted (default: none is kept)",
    (directory: String) => directory.nonEmpty
  )

  /** @group getParam */
  def getCheckpointDir: String = $(checkpointDir)

  /** @group setParam */
  def setCheckpointDir(value: String): this.type = set(checkpointDir, value)

  /** A directory on any Hadoop file system, in which each fit makes one of its own for TensorBoard, named by `fitId` and the
    * time: [[io.firesteel.tensorboard.TensorBoard]] says what is in it.
    * @group param
    */
  val tensorboardDir: Param[String] = new Param(
    this,
    "tensorboardDir",
    "directory, on any Hadoop file system, in which each fit writes its scalars for TensorBoard, in a directory of its own " +
      "(default: none)",
    (directory: String) => directory.nonEmpty
  )

  /** @group getParam */
  def getTensorboardDir: String = $(tensorboardDir)

  /** @group setParam */
  def setTensorboardDir(value: String): this.type = set(tensorboardDir, value)

  /** A name of this one fit, by which [[FitEvents]] tells its events; several fits at once may be of one estimator.
    * @group param
    */
  val fitId: Param[String] =
    new Param(this, "fitId", "name by which FitEvents tells the events of a fit (default: the uid of the estimator)")

  /** @group getParam */
  def getFitId: String = $(fitId)

  /** @group setParam */
  def setFitId(value: String): this.type = set(fitId, value)

  /** Who receives the events of the runs that `fit` starts, beside the summary. A copy has the same listener; it is not
    * saved.
    */
  def setListener(value: TrainListener): this.type = {
    listener = Some(value)
    this
  }

  /** @group setParam */
  def setImageShape(value: Array[Int]): this.type = set(imageShape, value)

  /** @group setParam */
  def setImageLayout(value: String): this.type = set(imageLayout, value)

  /** @group setParam */
  def setBadImages(value: String): this.type = set(badImages, value)

  /** @group setParam */
  def setBadImageCol(value: String): this.type = set(badImageCol, value)

  /** The weight of each row in the training loss, a number of 0 or more: in a minibatch that is the weighted mean over its
    * rows. Evaluations count rows.
    * @group setParam
    */
  def setWeightCol(value: String): this.type = set(weightCol, value)

  /** @group setParam */
  def setValidationIndicatorCol(value: String): this.type = set(validationIndicatorCol, value)

  override def transformSchema(schema: StructType): StructType = {
    features(schema)
    Columns.label(Columns.find(schema, $(labelCol), "labelCol"))
    Columns.weight(schema, this)
    Columns.held(schema, this)
    val unknown = Metadata.empty // the classes, before the labels are read
    val predicted = Columns.predictions($(rawPredictionCol), $(probabilityCol), $(predictionCol), unknown)
    Columns.appended(schema, predicted ++ Columns.reason(this))
  }

  /** Trains, and waits for it.
    *
    * @throws FiresteelException of kind config for wrong Params or columns, of kind data for rows that cannot be learnt, and
    *   of other kinds for a failed run
    */
  override def fit(dataset: Dataset[_]): CnnClassificationModel = {
    if (dataset.sparkSession.sparkContext.isStopped)
      throw new FiresteelException(Kind.CONFIG, "the Spark context is stopped: make another session and DataFrame")
    transformSchema(dataset.schema, logging = true)
    copyValues(train(dataset).setParent(this))
  }

  override protected def train(dataset: Dataset[_]): CnnClassificationModel =
    Instrumented.run(this, dataset, params.toSeq: _*) {
      val sc = dataset.sparkSession.sparkContext
      val images = LabelledImages.of(dataset, this, $(labelCol), drop = policy == "drop", hashed = isSet(checkpointDir))
      val config = TrainConfig.fromJson(asked.put("bad-images", policy).toString)
      val summary = new SummaryListener
      def run(config: TrainConfig, store: Option[CheckpointStore]): TrainedModel = FitDisplay.during(sc) { displays =>
        Using.Manager { use =>
          val board = get(tensorboardDir).map(parent => use(TensorBoard.below(parent, name, sc.hadoopConfiguration)))
          val listeners = TrainListener.all(Seq(summary, FitLog.begin(name)) ++ displays ++ board ++ listener: _*)
          Training.named(sc, images.train, images.validation, config, listeners, store, name)
        }.get
      }
      val trained = get(checkpointDir).fold(run(config, None)) { parent =>
        Using.resource(FitCheckpoint.claim(sc, parent, FitCheckpoint.name(config, images, rawShape))) { checkpoint =>
          val end = run(Resumption.of(config, checkpoint.store), Some(checkpoint.store))
          if (summary.endReason != EndReason.Stopped) checkpoint.discard() // a fit that was stopped can go on
          end.copy(config = end.config.copy(resume = false)) // resumed or not, it is the same model
        }
      }
      val content = CnnClassificationModel.Content(trained, images.labels)
      val model = copyValues(new CnnClassificationModel(uid, Some(content)).setParent(this))
      model.summarised(Some(summary.result(dataset, model, $(labelCol), images.nulls)))
    }

  private def name: String = get(fitId).getOrElse(uid)

  private def policy: String = $(badImages) match {
    case "null" =>
      throw new FiresteelException(Kind.CONFIG, "badImages null is for transform: to train, say fail or drop")
    case other => other
  }

  override def copy(extra: ParamMap): CnnClassifier = {
    val copied = copyValues(new CnnClassifier(uid), extra)
    listener.foreach(copied.setListener)
    copied
  }
}

object CnnClassifier extends DefaultParamsReadable[CnnClassifier] {
  override def load(path: String): CnnClassifier = super.load(path)
}
