// The command `train`: claims the output directory, trains, and writes model, preprocessing, configuration and metrics
// into it. A wrong request is refused before Spark starts.
package io.firesteel.driver

import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel._
import io.firesteel.data.ImageFiles
import io.firesteel.driver.console.{Console, ProgressDisplay}
import io.firesteel.driver.files.OutputDir
import io.firesteel.driver.options.{Command, JsonSettings, Options, RunConfig}
import io.firesteel.files.{Directory, Submission}
import io.firesteel.jni.{Engine, Kind, NativeException}
import io.firesteel.tensorboard.TensorBoard
import io.firesteel.train.Training
import org.apache.spark.SparkConf

import java.time.Instant
import scala.util.Using

object TrainCommand {
  val command: Command = Command("train", "train a net on a data set", Options.train :+ Options.tensorboard)

  /** @throws FiresteelException of kind config for a wrong request, of another kind for a failed run */
  def run(said: ObjectNode, console: Console): Unit = {
    val settings = said.deepCopy()
    val tensorboard =
      Option(settings.remove(Options.tensorboard.key)).map(_.asText) // of this call alone, not of the run
    val out = required(settings, "out")
    val submission = Submission.of(new SparkConf())
    val again = isAttemptAgain(out, submission)
    val resume = again || settings.path("resume").asBoolean(false)
    val record = if (resume) recorded(out) else None
    val asked = record.fold(settings)(run => JsonSettings.merge(run.asked, settings))
    val completed = record.fold(settings)(run => JsonSettings.merge(run.completed, settings))
    val config = TrainConfig.fromJson(completed.toString)
    val data = config.data.getOrElse(missing("data"))
    validate(config)
    if (again) console.out.println(s"another attempt of the same submission: going on in $out")
    Using.resource(OutputDir.claim(out, SparkApplication.hadoop, resume, submission)) { dir =>
      // A run that was stopped before its first checkpoint starts from the beginning, and derives its settings again.
      val continues = resume && dir.contains(OutputDir.Checkpoint)
      val request =
        if (continues) config.copy(resume = true) else TrainConfig.fromJson(asked.toString).copy(resume = false)
      if (resume && !continues) console.out.println(s"no checkpoint in ${dir.location}: beginning with round 1")
      SparkApplication.use("firesteel train") { sc =>
        dir.belongsTo(sc.applicationId)
        val known = record.filter(_ => continues).fold(IndexedSeq.empty[String])(_.labels)
        val images = ImageFiles.open(sc, data, config.dataset, config.validation, config.seed, known)
        Using.Manager { use =>
          val board = tensorboard.map(place => use(TensorBoard.in(place, sc.hadoopConfiguration)))
          val recorder = use(new Recorder(dir, console, asked, images.train.names, submission))
          val listener = TrainListener.all(recorder +: board.toSeq: _*)
          val model =
            Training.train(sc, images.train, images.evaluated, request, listener, Some(dir.store(OutputDir.Checkpoint)))
          dir.write(OutputDir.Preprocessing)(model.writePreprocessing)
          dir.write(OutputDir.Model)(model.writeModel)
          recorder.finished()
        }.get
      }
    }
  }

  /** Whether the run in `out` was begun by an earlier attempt of this submission, which the cluster manager tries again. */
  private def isAttemptAgain(out: String, submission: Option[String]): Boolean =
    submission.exists(id => MetricsFile.submission(Directory.existing(out, SparkApplication.hadoop)).contains(id))

  /** The configuration of the run in `out`, if it got as far as writing it. */
  private def recorded(out: String): Option[RunConfig] =
    Directory.existing(out, SparkApplication.hadoop).read(OutputDir.Config).map { bytes =>
      RunConfig.parse(bytes, s"$out/${OutputDir.Config}")
    }

  /** Validates by the engine. If libtorch is only shipped with the job, the engine cannot be loaded yet, and training
    * validates later.
    */
  private def validate(config: TrainConfig): Unit = {
    val request = JsonSettings.empty
    request.set[ObjectNode]("config", new ObjectMapper().readTree(config.toJson))
    try Engine.resolve(request.toString)
    catch { case e: NativeException if e.kind == Kind.LIBRARY => }
  }

  private def required(settings: ObjectNode, key: String): String =
    Option(settings.get(key)).map(_.asText).filter(_.nonEmpty).getOrElse(missing(key))

  private def missing(key: String): Nothing =
    throw new FiresteelException(Kind.CONFIG, s"train needs --$key")

  /** Writes a run's events to the metrics file and its configuration beside it, and shows them on the terminal.
    *
    * @param asked the settings that were set
    * @param labels the classes by name, where they have names
    * @param submission the submission that this run belongs to, where the cluster manager names it
    */
  private final class Recorder(
      dir: Directory,
      console: Console,
      asked: ObjectNode,
      labels: IndexedSeq[String],
      submission: Option[String]
  ) extends TrainListener
      with AutoCloseable {
    private val metrics = new MetricsFile(dir, Environment.versions, () => Instant.now(), submission)
    private val progress =
      new ProgressDisplay(
        console.out,
        console.terminal,
        Build.version,
        dir.location,
        dir.location(OutputDir.Model)
      )
    private val both = TrainListener.all(metrics, progress)
    private var end: Option[Ended] = None
    private var untrained = false // a new run has started, and no round or exchange is done yet

    override def waiting(what: String): Unit = both.waiting(what)

    override def event(e: TrainEvent): Unit = {
      e match {
        case start: Started                 => untrained = start.completedRounds == 0
        case _: RoundDone | _: ExchangeDone => untrained = false
        case _                              =>
      }
      both.send(e)
    }

    override def started(e: Started): Unit = {
      event(e)
      dir.write(OutputDir.Config, RunConfig(asked, completed(e.config), labels).bytes)
    }

    override def ended(e: Ended): Unit = end = Some(e)

    /** Reports the end, once the model is written. */
    def finished(): Unit = end.foreach(both.ended)

    /** Deletes the files of a run that failed before its first round, so that the next run can use the directory. */
    override def close(): Unit = {
      progress.clear()
      metrics.close()
      if (untrained) Seq(OutputDir.Metrics, OutputDir.Config).foreach(dir.remove)
    }

    private def completed(config: TrainConfig): ObjectNode =
      new ObjectMapper().readTree(config.toJson).asInstanceOf[ObjectNode]
  }
}
