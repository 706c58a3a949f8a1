// The checkpoint of a fit. Each fit has a place of its own below `checkpointDir`, named by a digest of what decides its
// weights: a fit that is begun again finds what the one before left, and no fit finds another's.
package io.firesteel.ml

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.{CheckpointStore, Failure, FiresteelException, Json, TrainConfig}
import io.firesteel.files.{Directory, Purpose, Submission}
import io.firesteel.train.Resumption
import java.nio.charset.StandardCharsets.UTF_8
import java.security.MessageDigest
import java.util.HexFormat
import org.apache.spark.SparkContext
import org.slf4j.LoggerFactory
import scala.collection.mutable

/** To be closed, whatever became of the fit.
  *
  * @param place the name of the directory, by which this process knows that it is in use
  */
private[ml] final class FitCheckpoint private (place: String, directory: Directory) extends AutoCloseable {
  import FitCheckpoint._

  val store: CheckpointStore = directory.store(File)

  /** Deletes the checkpoint of a fit that needs it no more. */
  def discard(): Unit = tidying(directory.remove(File))

  override def close(): Unit =
    try tidying(directory.close())
    finally inUse.synchronized(inUse -= place)

  /** A failure here is no reason to lose the model, or to hide why there is none. */
  private def tidying(body: => Unit): Unit =
    try body
    catch { case e: FiresteelException => log.warn(Failure.line(e)) }
}

private[ml] object FitCheckpoint {
  private val log = LoggerFactory.getLogger(classOf[FitCheckpoint])
  private val File = "checkpoint.safetensors"
  private val purpose = Purpose("checkpoint directory", "set another checkpointDir", Seq(File), own = true)

  /** Places of fits of this process that are under way. */
  private val inUse = mutable.Set.empty[String]

  /** Claims the place of the fit with this name, or one beside it while another fit of this process has that: a search may
    * try values of a Param that the weights do not depend on.
    *
    * @param parent the directory in which the fits have their places; it is created if it does not exist
    * @throws FiresteelException of kind io if it cannot be written, of kind config if another process has the place
    */
  def claim(sc: SparkContext, parent: String, name: String): FitCheckpoint = {
    val place = inUse.synchronized {
      val all = Iterator.single(name) ++ Iterator.from(2).map(n => s"$name-$n")
      all.map(each => s"$parent/$each").find(inUse.add).get
    }
    try {
      val directory = Directory.claim(place, sc.hadoopConfiguration, purpose, Submission.of(sc.getConf))
      val checkpoint = new FitCheckpoint(place, directory)
      directory.orClose {
        directory.belongsTo(sc.applicationId)
        if (directory.contains(File)) log.info(s"going on from ${directory.location(File)}")
        else log.info(s"no checkpoint in ${directory.location}: beginning with round 1")
        checkpoint
      }
    } catch {
      case e: Throwable => // whatever it was, the place is free again
        inUse.synchronized(inUse -= place)
        throw e
    }
  }

  /** The name of a fit: the first half of a SHA-256 of its settings, its rows, and how these are read.
    *
    * @param shape of the images, if they are raw values
    */
  def name(config: TrainConfig, images: LabelledImages, shape: Option[RawShape]): String = {
    val fit = Json.mapper.createObjectNode()
    fit.set[JsonNode]("settings", Resumption.decisive(config))
    fit.put("shape", shape.fold("")(_.toString))
    fit.put("classes", images.labels.count)
    fit.put("rows", images.train.rows).put("held", images.validation.fold(0L)(_.rows)).put("content", images.content)
    val digest = MessageDigest.getInstance("SHA-256").digest(fit.toString.getBytes(UTF_8))
    s"fit-${HexFormat.of.formatHex(digest, 0, digest.length / 2)}"
  }
}
