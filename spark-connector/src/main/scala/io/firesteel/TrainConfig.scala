// The configuration in Scala: a mirror of the Rust struct in engine/src/config, where names, defaults and validation
// are defined. `fromJson` and `toJson` use the same kebab-case keys; `Engine.resolve` completes and validates.
package io.firesteel

import com.fasterxml.jackson.annotation.JsonInclude
import com.fasterxml.jackson.core.{JsonParser, JsonProcessingException}
import com.fasterxml.jackson.databind.annotation.JsonDeserialize
import com.fasterxml.jackson.databind.json.JsonMapper
import com.fasterxml.jackson.databind.{
  DeserializationContext,
  DeserializationFeature,
  JsonDeserializer,
  JsonMappingException,
  ObjectMapper,
  PropertyNamingStrategies
}
import com.fasterxml.jackson.module.scala.DefaultScalaModule
import io.firesteel.jni.Kind
import java.lang.{Boolean => JBoolean, Double => JDouble, Integer => JInt, Long => JLong}
import scala.jdk.CollectionConverters._

/** What a run is asked to do. The value of an absent option is decided by the net's recipe or the data set.
  *
  * @param data directory of the data set, a local path or a Hadoop URI
  * @param dataset cifar10, cifar100, idx or images; recognized by its files when absent
  * @param classes from the data set when absent
  * @param workers partitions that train; one for each task slot when absent
  * @param tau local steps of each worker between two exchanges
  * @param batch rows of one minibatch of one worker
  * @param iterations local steps of each worker; inside one long stage the workers share `workers * iterations` of them
  * @param epochs passes over the whole training set, all workers together; excludes `iterations`
  * @param solver sgd, nesterov, adam, adamw or muon
  * @param lr base learning rate, Caffe's meaning, as `gamma`, `power`, `stepsize` and `stepvalue` (local steps)
  * @param lrScale none, linear or sqrt: how the learning rates follow the number of workers
  * @param momentum2 Adam's beta2, `momentum` being beta1 and `delta` epsilon
  * @param muonLr learning rate of Muon's filters; the rest of the net uses `lr`
  * @param decoupledDecay decay is applied to the weights and not added to the gradient, as adamw and muon always do
  * @param clipGradients maximum of the L2 norm of the whole gradient
  * @param lookaheadEvery local steps between two moves of Lookahead's slow weights, `lookaheadAlpha` of the way each
  * @param labelSmoothing part of a label that is distributed over all classes
  * @param lrStart part of `lr` in the first step, for triangular; `lrEnd` is that in the last step, and `lrPeak` the
  *   part of the run after which the rate is `lr`
  * @param warmUp local steps in which the rate rises linearly to the policy's
  * @param consistency async, ssp or bsp: who waits for whom; sparknet is one long stage with bsp and a Spark job for each
  *   round with rounds, and without either the cluster decides
  * @param staleness exchanges that a worker may be ahead of the slowest, for ssp
  * @param period constant, adaptive, post-local or qsr: how many local steps a worker does between exchanges, relative
  *   to `tau`
  * @param postLocalStep local steps after which `tau` holds, for post-local; until then every step is exchanged
  * @param qsrAlpha for qsr: the period is the square of this over the learning rate, and at least `tau`
  * @param alpha part of its difference to the center by which an elastic exchange moves the worker, and `serverAlpha`
  *   the center; both are multiplied by `alphaDecay` after every `alphaEvery` exchanges of a worker
  * @param adagradLr learning rate of the center's Adagrad, for downpour
  * @param lambda strength of dcasgd's delay compensation
  * @param outerLr of the outer optimiser or of async-nesterov, as `outerMomentum`
  * @param overlap a worker continues with local steps while its exchange is under way
  * @param codec f32, bf16 or int8 on the wire
  * @param shards ranges of the center that are exchanged side by side
  * @param exchangers executors that host the center, a part each; 0 for the driver
  * @param tls whether exchanges are encrypted; when absent, they are if Spark's own traffic is
  * @param bind address that the exchanger listens on; `advertise` is the host that workers connect to
  * @param exchangeDeadline seconds after which an exchange without an answer has failed
  * @param exchangeWait seconds that a worker waits for others before the run has failed
  * @param augment random changes of the training images, as flip,crop:4,cutout:8
  * @param size side in pixels of the images in memory; those of another size are cut to a square and resized
  * @param resize side in pixels that the images of a minibatch are enlarged to before the net sees them
  * @param validation fraction of the training images of class folders that is kept for evaluations
  * @param badImages fail or drop: what happens if a file is no image
  * @param device auto, cpu or cuda; a GPU that Spark gave the task is used, else one in turn
  * @param threads threads of one worker
  * @param evalEvery rounds between two evaluations; the final round is always evaluated. A round of workers inside one
  *   long stage is `tau * workers` minibatches of all together
  * @param patience evaluations in a row without a higher accuracy after which the run ends
  * @param restoreBestWeights the model has the weights of the evaluation with the highest accuracy
  * @param updateBn minibatches of each worker from which the last center's running statistics are computed
  * @param testFlip an evaluation averages the outputs for an image and its mirror image
  * @param out output directory, a local path or a Hadoop URI
  * @param resume continue from the checkpoint in `out`
  */
@JsonInclude(JsonInclude.Include.NON_ABSENT)
case class TrainConfig(
    data: Option[String] = None,
    dataset: Option[String] = None,
    @JsonDeserialize(contentAs = classOf[JInt]) classes: Option[Int] = None,
    net: String = "cifar10_quick",
    strategy: String = "sparknet",
    @JsonDeserialize(contentAs = classOf[JInt]) workers: Option[Int] = None,
    tau: Int = 10,
    @JsonDeserialize(contentAs = classOf[JInt]) batch: Option[Int] = None,
    @JsonDeserialize(contentAs = classOf[JLong]) iterations: Option[Long] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) epochs: Option[Double] = None,
    solver: String = "sgd",
    @JsonDeserialize(contentAs = classOf[JDouble]) lr: Option[Double] = None,
    lrScale: String = "none",
    @JsonDeserialize(contentAs = classOf[JDouble]) momentum: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) momentum2: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) delta: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) muonLr: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) weightDecay: Option[Double] = None,
    decoupledDecay: Boolean = false,
    @JsonDeserialize(contentAs = classOf[JDouble]) clipGradients: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JLong]) lookaheadEvery: Option[Long] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) lookaheadAlpha: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) labelSmoothing: Option[Double] = None,
    lrPolicy: Option[String] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) gamma: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) power: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JLong]) stepsize: Option[Long] = None,
    @JsonDeserialize(contentUsing = classOf[LongsDeserializer]) stepvalue: Option[Seq[Long]] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) lrStart: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) lrPeak: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) lrEnd: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JLong]) warmUp: Option[Long] = None,
    solverState: String = "local",
    consistency: Option[String] = None,
    @JsonDeserialize(contentAs = classOf[JLong]) staleness: Option[Long] = None,
    period: String = "constant",
    @JsonDeserialize(contentAs = classOf[JLong]) postLocalStep: Option[Long] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) qsrAlpha: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) alpha: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) serverAlpha: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) alphaDecay: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JLong]) alphaEvery: Option[Long] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) adagradLr: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) lambda: Option[Double] = None,
    outer: String = "none",
    @JsonDeserialize(contentAs = classOf[JDouble]) outerLr: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) outerMomentum: Option[Double] = None,
    overlap: Boolean = false,
    codec: String = "f32",
    shards: Int = 1,
    exchangers: Int = 0,
    @JsonDeserialize(contentAs = classOf[JBoolean]) tls: Option[Boolean] = None,
    bind: Option[String] = None,
    advertise: Option[String] = None,
    exchangeDeadline: Long = 60L,
    exchangeWait: Long = 600L,
    normalize: String = "mean-image",
    augment: String = "none",
    @JsonDeserialize(contentAs = classOf[JInt]) size: Option[Int] = None,
    @JsonDeserialize(contentAs = classOf[JInt]) resize: Option[Int] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) validation: Option[Double] = None,
    badImages: String = "fail",
    precision: String = "f32",
    device: String = "auto",
    threads: Int = 1,
    seed: Long = 0L,
    evalEvery: Int = 50,
    @JsonDeserialize(contentAs = classOf[JLong]) patience: Option[Long] = None,
    restoreBestWeights: Boolean = false,
    @JsonDeserialize(contentAs = classOf[JLong]) updateBn: Option[Long] = None,
    testFlip: Boolean = false,
    out: Option[String] = None,
    resume: Boolean = false
) {

  /** Height and width in pixels of the images in memory; the engine's default is that of CIFAR's. */
  def side: Int = size.getOrElse(32)

  /** One flat JSON object with kebab-case keys, absent options left out. */
  def toJson: String = TrainConfig.mapper.writeValueAsString(this)
}

object TrainConfig {

  /** Reads the JSON of `toJson` or of a configuration file; an unknown key or a wrong type is a failure of kind config.
    */
  def fromJson(json: String): TrainConfig =
    try mapper.readValue(json, classOf[TrainConfig])
    catch {
      case e: JsonMappingException =>
        val key = e.getPath.asScala.map(_.getFieldName).filter(_ != null).mkString(".")
        throw new FiresteelException(Kind.CONFIG, s"configuration: $key: ${e.getOriginalMessage}", e)
      case e: JsonProcessingException =>
        throw new FiresteelException(Kind.CONFIG, s"configuration: ${e.getOriginalMessage}", e)
    }

  private val mapper: ObjectMapper = JsonMapper
    .builder()
    .addModule(DefaultScalaModule)
    .propertyNamingStrategy(PropertyNamingStrategies.KEBAB_CASE)
    .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
    .build()
}

/** Jackson sees `Seq[Long]` as a list of objects and would leave boxed Integers in it. */
private[firesteel] class LongsDeserializer extends JsonDeserializer[Seq[Long]] {
  override def deserialize(parser: JsonParser, context: DeserializationContext): Seq[Long] =
    context.readValue(parser, classOf[Array[Long]]).toSeq
}
