// A run's events as scalars in a directory that TensorBoard reads while the run goes on.
package io.firesteel.tensorboard

import io.firesteel._
import io.firesteel.files.{Directory, LineWriter}
import java.net.InetAddress
import java.time.format.DateTimeFormatter
import java.time.{Clock, Instant, ZoneOffset}
import java.util.Locale
import org.apache.hadoop.conf.Configuration

/** Writes the scalars of one run into a new file of a directory, with the images that all workers have trained on as the step.
  * Must be closed.
  *
  * Tags: `train/loss`, `train/images_per_second`, `eval/accuracy` and `eval/loss`; of strategies that exchange inside one
  * stage, by worker, `worker K/loss`, `worker K/staleness` and the seconds `worker K/computing`, `exchanging` and `waiting` of
  * each exchange; of others `exchange/bytes` of a round. A value that is not finite is written as it is.
  */
final class TensorBoard private (directory: Directory, file: String, clock: Clock)
    extends TrainListener
    with AutoCloseable {
  private var out: Option[LineWriter] = None
  private var begun = false // a step has been written

  override def event(e: TrainEvent): Unit = synchronized(e match {
    case _: Started =>
      val lines = directory.lines(file)
      out = Some(lines)
      lines.write(EventRecord.version(seconds))
    case e: RoundDone =>
      val values = Seq("train/loss" -> e.loss, "train/images_per_second" -> e.imagesPerSecond)
      write(e.samples, values :+ ("exchange/bytes" -> e.exchangeBytes.toDouble))
    case e: ExchangeDone => write(e.totalSamples, ofWorker(e))
    case e: Evaluated    =>
      write(e.samples, Seq("eval/accuracy" -> e.accuracy, "eval/loss" -> e.loss))
      out.foreach(_.flush())
    case _ =>
  })

  private def ofWorker(e: ExchangeDone): Seq[(String, Double)] = Seq(
    "loss" -> e.loss,
    "staleness" -> e.staleness.toDouble,
    "computing" -> e.computing,
    "exchanging" -> e.exchanging,
    "waiting" -> e.waiting
  ).map { case (name, value) => s"worker ${e.worker}/$name" -> value }

  /** Before the first step it says that the run begins there: of a resumed run, what was written after its checkpoint is
    * not shown twice.
    */
  private def write(step: Long, values: Seq[(String, Double)]): Unit = for (lines <- out) {
    if (!begun) lines.write(EventRecord.begin(seconds, step))
    begun = true
    lines.write(EventRecord.scalars(seconds, step, values))
  }

  private def seconds: Double = clock.millis() / 1000.0

  override def close(): Unit = synchronized {
    out.foreach(_.close())
    out = None
  }
}

object TensorBoard {

  /** For a run whose events follow. The file appears with the first of them.
    *
    * @param directory on any Hadoop file system; made if it is not there. Files of earlier runs in it stay
    * @throws FiresteelException of kind io if it cannot be written
    */
  def in(directory: String, hadoop: Configuration, clock: Clock = Clock.systemUTC): TensorBoard = {
    val now = Instant.now(clock)
    val file =
      s"events.out.tfevents.${now.getEpochSecond}.${InetAddress.getLocalHost.getHostName}.${now.getNano / 1000}"
    new TensorBoard(Directory.shared(directory, hadoop), file, clock)
  }

  /** The same in a new directory below `parent`, named by `name` and the time. */
  def below(parent: String, name: String, hadoop: Configuration, clock: Clock = Clock.systemUTC): TensorBoard = {
    val time = Time.format(Instant.now(clock))
    in(s"${parent.stripSuffix("/")}/$name-$time", hadoop, clock)
  }

  private val Time = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss.SSS", Locale.ROOT).withZone(ZoneOffset.UTC)
}
