// A job with exactly one task in each of several executors. With an ordinary job, Spark may run several of its tasks in
// one executor and none in another.
package io.firesteel.train.placement

import org.apache.spark.firesteel.TaskSlots
import java.util.concurrent.TimeoutException
import org.apache.spark.rdd.RDD
import org.apache.spark.{Partition, SparkContext, SparkEnv, SparkException, TaskContext}
import scala.collection.mutable
import scala.concurrent.Await
import scala.concurrent.duration.{Duration, SECONDS}

private[train] object EachExecutor {

  /** Runs `body` in those of `executors` that are alive, and waits `seconds` at most. An executor whose slots are busy
    * all that time is not reached.
    *
    * @return executors that are alive and were not reached
    */
  def run(sc: SparkContext, executors: Set[String], seconds: Long)(body: () => Unit): Set[String] = {
    val alive = TaskSlots.executors(sc).filter(slot => executors(slot.id))
    val reached = mutable.Set.empty[String]
    if (alive.nonEmpty) {
      val targets = alive.map(_.location)
      val job = sc.submitJob(
        new OnePerExecutor(sc, targets),
        (_: Iterator[Unit]) => {
          body()
          SparkEnv.get.executorId
        },
        targets.indices,
        (_: Int, executor: String) => reached.synchronized(reached += executor),
        ()
      )
      try Await.result(job, Duration(seconds, SECONDS))
      catch {
        case _: TimeoutException => job.cancel()
        case _: SparkException   => // an executor was lost, or the job was cancelled: `reached` has those that ran it
      }
    }
    alive.map(_.id).toSet -- reached.synchronized(reached.toSet)
  }

  /** Empty partitions, each with one of `targets` as its preferred location. */
  private final class OnePerExecutor(sc: SparkContext, @transient private val targets: Seq[String])
      extends RDD[Unit](sc, Nil) {
    protected def getPartitions: Array[Partition] = targets.indices.map(number => Numbered(number)).toArray

    override protected def getPreferredLocations(split: Partition): Seq[String] = Seq(targets(split.index))

    def compute(split: Partition, context: TaskContext): Iterator[Unit] = Iterator.empty
  }

  private final case class Numbered(index: Int) extends Partition
}
