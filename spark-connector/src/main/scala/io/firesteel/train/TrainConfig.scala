// The configuration as Scala sees it: a mirror of the Rust struct in engine/src/config.rs, which owns names, defaults
// and validation. `fromJson` and `toJson` use the same kebab-case keys; `Engine.resolve` completes and validates.
package io.firesteel.train

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
import java.lang.{Double => JDouble, Integer => JInt, Long => JLong}
import scala.jdk.CollectionConverters._

/** What a run is asked to do. An absent option has no default here: the net's recipe or the data set decides it.
  *
  * @param data directory of the data set, a local path or a Hadoop URI
  * @param dataset cifar10, cifar100 or idx; told from the files when absent
  * @param classes from the data set when absent
  * @param workers partitions that train; `sc.defaultParallelism` when absent
  * @param tau local steps of each worker between two averagings
  * @param batch rows of one minibatch of one worker
  * @param iterations local steps of each worker
  * @param epochs passes over the whole training set, all workers together; excludes `iterations`
  * @param lr base learning rate, Caffe's meaning, as `gamma`, `power`, `stepsize` and `stepvalue` (local steps)
  * @param threads threads of one worker
  * @param evalEvery rounds between two evaluations; the final round is always evaluated
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
    @JsonDeserialize(contentAs = classOf[JDouble]) lr: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) momentum: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) weightDecay: Option[Double] = None,
    lrPolicy: Option[String] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) gamma: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JDouble]) power: Option[Double] = None,
    @JsonDeserialize(contentAs = classOf[JLong]) stepsize: Option[Long] = None,
    @JsonDeserialize(contentUsing = classOf[LongsDeserializer]) stepvalue: Option[Seq[Long]] = None,
    solverState: String = "local",
    outer: String = "none",
    normalize: String = "mean-image",
    precision: String = "f32",
    threads: Int = 1,
    seed: Long = 0L,
    evalEvery: Int = 50,
    out: Option[String] = None,
    resume: Boolean = false
) {

  /** One flat JSON object with kebab-case keys, absent options left out. */
  def toJson: String = TrainConfig.mapper.writeValueAsString(this)
}

object TrainConfig {

  /** Reads what `toJson` or a configuration file says; an unknown key or a wrong type is a failure of kind config. */
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
private[train] class LongsDeserializer extends JsonDeserializer[Seq[Long]] {
  override def deserialize(parser: JsonParser, context: DeserializationContext): Seq[Long] =
    context.readValue(parser, classOf[Array[Long]]).toSeq
}
