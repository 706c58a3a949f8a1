// A job with exactly one task in each of several executors. With an ordinary job, Spark may run several of its tasks in
// one executor and none in another.
package io.firesteel.train.placement

import io.firesteel.{FiresteelException, JobDescription}
import org.apache.spark.firesteel.{ExecutorSlots, JobCancellation}
import java.util.concurrent.TimeoutException
import org.apache.spark.rdd.RDD
import org.apache.spark.{Partition, SparkContext, SparkEnv, SparkException, TaskContext}
import scala.collection.mutable
import scala.concurrent.Await
import scala.concurrent.duration.{Duration, SECONDS}
import scala.reflect.ClassTag

private[train] object EachExecutor {

  /** Runs `body` in those of `executors` that are alive, and waits `seconds` at most. An executor whose slots are busy
    * all that time is not reached.
    *
    * @param what the job is called in Spark's web UI
    * @return the result of `body` by executor, and the executors that were not reached
    * @throws FiresteelException if `body` throws one in an executor
    * @throws SparkException if the job is cancelled
    */
  def run[A](sc: SparkContext, executors: Seq[ExecutorSlots], seconds: Long, what: String)(
      body: () => A
  ): (Map[String, A], Set[String]) = {
    val reached = mutable.Map.empty[String, A]
    if (executors.nonEmpty) {
      val job = JobDescription(sc, what) {
        sc.submitJob(
          new OnePerPartition(sc, executors.map(_.id), executors.map(_.location)),
          (_: Iterator[String]) => SparkEnv.get.executorId -> body(),
          executors.indices,
          (_: Int, answer: (String, A)) => reached.synchronized(reached += answer),
          ()
        )
      }
      try Await.result(job, Duration(seconds, SECONDS))
      catch {
        case _: TimeoutException     => job.cancel()
        case e: InterruptedException => // or the job would stay with Spark, queued where slots are busy
          job.cancel()
          throw e
        case e: SparkException =>
          FiresteelException.unwrap(e) match {
            case ours: FiresteelException   => throw ours
            case _ if JobCancellation.is(e) => throw e
            case _                          => // an executor was lost: `reached` has those that ran it
          }
      }
    }
    val answers = reached.synchronized(reached.toMap)
    (answers, executors.map(_.id).toSet -- answers.keySet)
  }

}

/** A partition for each of `items`, with `locations` as their preferred locations if there are any. An item is a part of
  * its task, which Spark serialises as Java does. Those of `sc.parallelize` are serialised as `spark.serializer` says.
  */
private[train] final class OnePerPartition[A: ClassTag](
    sc: SparkContext,
    @transient private val items: Seq[A],
    @transient private val locations: Seq[String] = Nil
) extends RDD[A](sc, Nil) {
  protected def getPartitions: Array[Partition] =
    items.zipWithIndex.map[Partition] { case (item, index) => new OnePerPartition.Numbered(index, item) }.toArray

  override protected def getPreferredLocations(split: Partition): Seq[String] = locations.lift(split.index).toSeq

  def compute(split: Partition, context: TaskContext): Iterator[A] =
    Iterator.single(split.asInstanceOf[OnePerPartition.Numbered[A]].item)
}

private object OnePerPartition {
  private final class Numbered[A](val index: Int, val item: A) extends Partition
}
