// A saved model: Spark ML's metadata, and below `data` the files that a run of the command line leaves too.
package io.firesteel.ml

import com.fasterxml.jackson.core.JsonProcessingException
import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{FiresteelException, Json, StoredFile, TrainConfig}
import io.firesteel.jni.Kind
import io.firesteel.train.TrainedModel
import java.io.{FileNotFoundException, OutputStream}
import java.nio.charset.StandardCharsets.UTF_8
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.Path
import org.apache.spark.ml.firesteel.StageMetadata
import org.apache.spark.ml.util.{MLReader, MLWriter}
import scala.jdk.CollectionConverters._
import scala.util.Using

private[firesteel] object ModelFiles {

  /** Of model.json: a later version of Firesteel that writes something which this one would misread has another. */
  private val Format = 1

  private val Model = "data/model.safetensors"
  private val Preprocessing = "data/preprocessing.safetensors"

  /** Below a saved model's directory; by it one is known from other directories. */
  val Description = "data/model.json"

  final class Writer(model: CnnClassificationModel) extends MLWriter {
    override protected def saveImpl(path: String): Unit = save(path, path)

    /** On the driver's own disk, where the server of Spark Connect keeps models: `path` has no scheme there. */
    override def saveToLocal(path: String): Unit = StageMetadata.locally(save(path, local(path)))

    private def save(metadata: String, data: String): Unit = {
      val content = model.content
      StageMetadata.save(model, metadata, sc)
      write(data, Model, sc.hadoopConfiguration)(content.trained.writeModel)
      write(data, Preprocessing, sc.hadoopConfiguration)(content.trained.writePreprocessing)
      write(data, Description, sc.hadoopConfiguration)(_.write(described(content).getBytes(UTF_8)))
    }
  }

  private def local(path: String): String = java.nio.file.Path.of(path).toAbsolutePath.toUri.toString

  final class Reader extends MLReader[CnnClassificationModel] {
    override def load(path: String): CnnClassificationModel = load(path, path)

    /** From the driver's own disk, as `saveToLocal` writes it. */
    override def loadFromLocal(path: String): CnnClassificationModel = StageMetadata.locally(load(path, local(path)))

    private def load(metadata: String, data: String): CnnClassificationModel = {
      val conf = sc.hadoopConfiguration
      val json = description(data, conf)
      val labels = Labels(
        Json.small(json, "classes"),
        json.path("labels").elements.asScala.map(_.asText).toIndexedSeq
      )
      val config = TrainConfig.fromJson(Json.node(json, "config").toString)
      val trained = Using.Manager { use =>
        TrainedModel.read(config, use(open(data, Model, conf)), use(open(data, Preprocessing, conf)))
      }.get
      StageMetadata.load(metadata, sc, classOf[CnnClassificationModel]) { uid =>
        new CnnClassificationModel(uid, Some(CnnClassificationModel.Content(trained, labels)))
      }
    }
  }

  private def described(content: CnnClassificationModel.Content): String = {
    val json = Json.mapper.createObjectNode().put("format", Format)
    json.set[JsonNode]("config", Json.mapper.readTree(content.trained.config.toJson))
    json.put("classes", content.labels.count)
    val labels = json.putArray("labels")
    content.labels.names.foreach(labels.add)
    Json.mapper.writerWithDefaultPrettyPrinter.writeValueAsString(json)
  }

  private def description(path: String, conf: Configuration): JsonNode = {
    val name = s"$path/$Description"
    val bytes = Using.resource(open(path, Description, conf))(_.in.readAllBytes())
    val json =
      try Json.mapper.readTree(bytes)
      catch { case e: JsonProcessingException => throw new FiresteelException(Kind.DATA, s"$name is not JSON", e) }
    val format = Json.whole(json, "format")
    if (format > Format)
      throw new FiresteelException(
        Kind.DATA,
        s"$name has format $format, which a later version of Firesteel wrote; this one reads up to $Format"
      )
    json
  }

  private def write(path: String, name: String, conf: Configuration)(body: OutputStream => Unit): Unit = {
    val file = new Path(path, name)
    Using.resource(file.getFileSystem(conf).create(file, false))(body)
  }

  private def open(path: String, name: String, conf: Configuration): StoredFile = {
    val file = new Path(path, name)
    val fileSystem = file.getFileSystem(conf)
    try new StoredFile(file.toString, fileSystem.getFileStatus(file).getLen, fileSystem.open(file))
    catch {
      case e: FileNotFoundException =>
        throw new FiresteelException(Kind.IO, s"no model there: $file does not exist", e)
    }
  }
}
