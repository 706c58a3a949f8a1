// What the tests of this module share: temporary directories, captured consoles, events of an imaginary run.
package io.firesteel.driver

import io.firesteel._
import io.firesteel.console.Terminal
import io.firesteel.driver.console.Console
import io.firesteel.driver.files.OutputDir
import io.firesteel.files.Directory
import io.firesteel.jni.Kind
import io.firesteel.ml.CnnClassifier
import org.apache.hadoop.conf.Configuration
import org.apache.spark.ml.param.ParamMap
import org.apache.spark.sql.SparkSession

import java.io.{ByteArrayOutputStream, OutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.concurrent.{CyclicBarrier, Executors}
import scala.jdk.CollectionConverters._

object Fixtures {

  /** Runs `body` in a new directory, which is deleted afterwards. */
  def scratch[A](body: Path => A): A = {
    val dir = Files.createTempDirectory("firesteel-driver")
    try body(dir)
    finally Files.walk(dir).sorted(java.util.Comparator.reverseOrder[Path]).iterator.asScala.foreach(Files.delete)
  }

  def names(dir: Path): Set[String] = Files.list(dir).iterator.asScala.map(_.getFileName.toString).toSet

  /** To be closed. */
  def claim(dir: Path, resume: Boolean = false): Directory = OutputDir.claim(dir.toString, new Configuration(), resume)

  /** The directory without a claim on it. */
  def open(dir: Path): Directory = Directory.existing(dir.toString, new Configuration())

  /** Makes `runs` claims at the same moment; returns the failures and the successful claims. */
  def claimTogether(runs: Int)(claim: => Directory): (Seq[FiresteelException], Seq[Directory]) = {
    val (barrier, pool) = (new CyclicBarrier(runs), Executors.newFixedThreadPool(runs))
    try
      (1 to runs)
        .map { _ =>
          pool.submit { () =>
            barrier.await()
            try Right(claim)
            catch { case e: FiresteelException => Left(e) }
          }
        }
        .map(_.get)
        .partitionMap(identity)
    finally pool.shutdown()
  }

  /** Exit status, stdout and stderr of the program. */
  def submit(args: String*): (Int, String, String) = {
    val out, err = new ByteArrayOutputStream()
    val console = Console(new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), Terminal.None)
    (Main.run(args, console), out.toString(UTF_8), err.toString(UTF_8))
  }

  /** A stdout that calls `act` before each line that begins with `at`. */
  final class Watching(at: String)(act: () => Unit) extends PrintStream(OutputStream.nullOutputStream()) {
    override def println(line: String): Unit = if (line.startsWith(at)) act()
  }

  /** Runs `body` with settings of Spark that the program will use. */
  def withSettings[A](settings: (String, String)*)(body: => A): A = {
    settings.foreach { case (key, value) => sys.props(key) = value }
    try body
    finally settings.foreach { case (key, _) => sys.props.remove(key) }
  }

  val local: Seq[(String, String)] =
    Seq("spark.master" -> "local[2]", "spark.ui.enabled" -> "false", "spark.driver.host" -> "localhost")

  /** Fits the estimator in a Spark with these settings and a checkpoint below `directory`: first in a thread that is
    * interrupted after three rounds, then once more. Returns the rounds that the second fit did not do again.
    */
  def fitTwice(settings: Seq[(String, String)], directory: String): Int = withSettings(settings: _*) {
    val spark = SparkSession.builder().getOrCreate()
    try {
      val rows = spark.read.format("cifar").load(tiny.toString)
      val classifier =
        new CnnClassifier().setFeaturesCol("image").setWorkers(2).setTau(2).setBatch(20).setIterations(12)
      classifier.setEvalEvery(2).setConsistency("rounds").setCheckpointDir(directory)
      val interrupting = new TrainListener {
        override def round(e: RoundDone): Unit = if (e.round == 3) Thread.currentThread.interrupt()
      }
      try classifier.copy(ParamMap.empty).setListener(interrupting).fit(rows)
      catch { case e: FiresteelException if e.kind == Kind.CANCELLED && Thread.interrupted() => }
      classifier.fit(rows).summary.completedRounds
    } finally spark.stop()
  }

  val tiny: Path = Path.of(sys.props("firesteel.root"), "testdata", "cifar10-tiny")

  /** The files that a finished run leaves. */
  val complete: Set[String] =
    Set("metrics.jsonl", "config.json", "model.safetensors", "preprocessing.safetensors", "checkpoint.safetensors")

  val started: Started = Started(TrainConfig(lr = Some(0.001), workers = Some(2)), 50000, 10000, 10, 145578, 500)

  def round(n: Int, loss: Double = 1.5): RoundDone =
    RoundDone(n, 500, n * 10L, n * 2000L, n * 0.5, loss, 4000.0, 2329248L)

  def exchange(n: Int, loss: Double = 1.5): ExchangeDone =
    ExchangeDone(n % 2, n.toLong, 10, n * 10L, n * 2000L, n * 0.5, loss, 1, 0.375, 0.0625, 0.03125)

  val totals: ExchangeTotals = ExchangeTotals(10, 11646240, Seq(4, 6))

  def evaluated(n: Int): Evaluated = Evaluated(n, n * 2000L, n * 0.5, n * 0.75, 0.5512, 1.25, "test")

  val ended: Ended = Ended(500, 1000000, 250.0, 375.0, Some(0.7533), Some(0.75), 4000.0)
}
