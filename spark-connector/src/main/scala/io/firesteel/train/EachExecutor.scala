// A job with one task for each executor of a list, for what Spark's own placement would only do where tasks happen to go.
package io.firesteel.train

import java.util.concurrent.TimeoutException
import org.apache.spark.firesteel.ExecutorSlots
import org.apache.spark.rdd.RDD
import org.apache.spark.{Partition, SparkContext, SparkEnv, SparkException, TaskContext}
import scala.collection.mutable
import scala.concurrent.Await
import scala.concurrent.duration.{Duration, SECONDS}
import scala.reflect.ClassTag

private[train] object EachExecutor {

  /** Runs `body` in those of `executors` that are alive, for `seconds` at most: one whose slots are all busy that long is
    * not reached.
    *
    * @return what `body` answered by executor, and the executors that were not reached
    * @throws FiresteelException that a body threw
    */
  def run[A](sc: SparkContext, executors: Seq[ExecutorSlots], seconds: Long)(
      body: () => A
  ): (Map[String, A], Set[String]) = {
    val reached = mutable.Map.empty[String, A]
    if (executors.nonEmpty) {
      val job = sc.submitJob(
        new OneEach(sc, executors.map(_.id), executors.map(_.location)),
        (_: Iterator[String]) => SparkEnv.get.executorId -> body(),
        executors.indices,
        (_: Int, answer: (String, A)) => reached.synchronized(reached += answer),
        ()
      )
      try Await.result(job, Duration(seconds, SECONDS))
      catch {
        case _: TimeoutException => job.cancel()
        case e: SparkException   =>
          FiresteelException.unwrap(e) match {
            case ours: FiresteelException => throw ours
            case _                        => // an executor went away, or the job was ended: what is reached is known
          }
      }
    }
    val answers = reached.synchronized(reached.toMap)
    (answers, executors.map(_.id).toSet -- answers.keySet)
  }

}

/** A partition for each of `items`, which want to be at `locations` where there are any. An item travels in its task, by
  * Java's serialization whichever one `spark.serializer` names, as those of `sc.parallelize` do not.
  */
private[train] final class OneEach[A: ClassTag](
    sc: SparkContext,
    @transient private val items: Seq[A],
    @transient private val locations: Seq[String] = Nil
) extends RDD[A](sc, Nil) {
  protected def getPartitions: Array[Partition] =
    items.zipWithIndex.map[Partition] { case (item, index) => new OneEach.Place(index, item) }.toArray

  override protected def getPreferredLocations(split: Partition): Seq[String] = locations.lift(split.index).toSeq

  def compute(split: Partition, context: TaskContext): Iterator[A] =
    Iterator.single(split.asInstanceOf[OneEach.Place[A]].item)
}

private object OneEach {
  private final class Place[A](val index: Int, val item: A) extends Partition
}
