// What the tests of this module share: scratch directories, captured consoles, events of a run that never was.
package io.firesteel.driver

import io.firesteel.train.{Ended, Evaluated, ExchangeDone, ExchangeTotals, RoundDone, Started, TrainConfig}
import org.apache.hadoop.conf.Configuration

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import scala.jdk.CollectionConverters._

object Fixtures {

  /** Runs `body` in a new directory, which is gone afterwards. */
  def scratch[A](body: Path => A): A = {
    val dir = Files.createTempDirectory("firesteel-driver")
    try body(dir)
    finally Files.walk(dir).sorted(java.util.Comparator.reverseOrder[Path]).iterator.asScala.foreach(Files.delete)
  }

  def names(dir: Path): Set[String] = Files.list(dir).iterator.asScala.map(_.getFileName.toString).toSet

  /** To be closed. */
  def claim(dir: Path, resume: Boolean = false): OutputDir = OutputDir.claim(dir.toString, new Configuration(), resume)

  /** The directory without a claim on it. */
  def open(dir: Path): OutputDir = OutputDir.existing(dir.toString, new Configuration())

  /** Exit status, stdout and stderr of the program. */
  def submit(args: String*): (Int, String, String) = {
    val out, err = new ByteArrayOutputStream()
    val console = Console(new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), Terminal.None)
    (Main.run(args, console), out.toString(UTF_8), err.toString(UTF_8))
  }

  val started: Started = Started(TrainConfig(lr = Some(0.001), workers = Some(2)), 50000, 10000, 10, 145578, 500)

  def round(n: Int, loss: Double = 1.5): RoundDone =
    RoundDone(n, 500, n * 10L, n * 2000L, n * 0.5, loss, 4000.0, 2329248L)

  def exchange(n: Int, loss: Double = 1.5): ExchangeDone =
    ExchangeDone(n % 2, n.toLong, 10, n * 10L, n * 2000L, n * 0.5, loss, 1, 0.375, 0.0625, 0.03125)

  val totals: ExchangeTotals = ExchangeTotals(10, 11646240, Seq(4, 6))

  def evaluated(n: Int): Evaluated = Evaluated(n, n * 2000L, n * 0.5, n * 0.75, 0.5512, 1.25, "test")

  val ended: Ended = Ended(500, 1000000, 250.0, 375.0, Some(0.7533), Some(0.75), 4000.0)
}
