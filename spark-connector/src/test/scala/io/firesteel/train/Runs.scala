// Small runs on the fixtures, for the tests of training.
package io.firesteel.train

import io.firesteel._
import io.firesteel.data.ImageFiles
import java.io.{ByteArrayOutputStream, OutputStream}
import org.apache.spark.SparkContext
import scala.collection.mutable

object Runs {

  /** 3 workers, 12 local steps in rounds of 5, 5 and 2; each round evaluated. */
  val small: TrainConfig = TrainConfig(
    workers = Some(3),
    tau = 5,
    batch = Some(20),
    iterations = Some(12),
    lr = Some(0.001),
    lrPolicy = Some("fixed"),
    seed = 3,
    evalEvery = 1
  )

  /** 2 workers that share 60 minibatches inside one stage, in turns of 5; evaluated after 20, 40 and 60. */
  val stage: TrainConfig = small.copy(strategy = "deepspark", workers = Some(2), iterations = Some(30), evalEvery = 2)

  def cifar10(sc: SparkContext): ImageFiles = ImageFiles.open(sc, TestSpark.fixture("cifar10-tiny"), None)

  def train(
      sc: SparkContext,
      config: TrainConfig,
      listener: TrainListener = TrainListener.silent,
      store: Option[CheckpointStore] = None
  ): TrainedModel = {
    val files = cifar10(sc)
    Training.train(sc, files.train, files.test, config, listener, store)
  }

  /** Bits of floats, since NaN is unequal to itself and 0 equals -0. */
  def bits(values: Array[Float]): Seq[Int] = values.toSeq.map(java.lang.Float.floatToRawIntBits)
}

/** Records the events of a run. */
class Events extends TrainListener {
  val all: mutable.Buffer[Any] = mutable.Buffer.empty[Any]
  def of[A](implicit tag: reflect.ClassTag[A]): Seq[A] = all.synchronized(all.collect { case e: A => e }.toSeq)

  override def started(e: Started): Unit = add(e)
  override def loaded(e: WorkersLoaded): Unit = add(e)
  override def dropped(e: ImagesDropped): Unit = add(e)
  override def round(e: RoundDone): Unit = add(e)
  override def exchange(e: ExchangeDone): Unit = add(e)
  override def evaluated(e: Evaluated): Unit = add(e)
  override def fault(e: Fault): Unit = add(e)
  override def ended(e: Ended): Unit = add(e)

  private def add(e: Any): Unit = all.synchronized(all += e)
}

/** Keeps the last checkpoint in memory. */
final class MemoryStore extends CheckpointStore {
  var bytes: Option[Array[Byte]] = None
  def load(): Option[StoredFile] = bytes.map(StoredFile.of("checkpoint", _))
  def save(write: OutputStream => Unit): Unit = {
    val out = new ByteArrayOutputStream()
    write(out)
    bytes = Some(out.toByteArray)
  }
}
