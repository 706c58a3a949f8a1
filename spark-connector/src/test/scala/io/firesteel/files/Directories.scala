// What the tests of this package share: directories that are claimed, alone and by several at once.
package io.firesteel.files

import io.firesteel.FiresteelException
import java.nio.file.{Files, Path}
import java.util.concurrent.{CyclicBarrier, Executors}
import org.apache.hadoop.conf.Configuration
import scala.jdk.CollectionConverters._
import scala.util.Using

object Directories {
  val purpose: Purpose = Purpose("directory of a test", "choose another", Seq("checkpoint.safetensors", "config.json"))

  def names(dir: Path): Set[String] =
    Using.resource(Files.list(dir))(_.iterator.asScala.map(_.getFileName.toString).toSet)

  /** To be closed. */
  def claim(dir: Path): Directory = Directory.claim(dir.toString, new Configuration(), purpose)

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
}
