// A job with one task for each executor of a list, for what Spark's own placement would only do where tasks happen to go.
package io.firesteel.train.placement

import org.apache.spark.firesteel.TaskSlots
import java.util.concurrent.TimeoutException
import org.apache.spark.rdd.RDD
import org.apache.spark.{Partition, SparkContext, SparkEnv, SparkException, TaskContext}
import scala.collection.mutable
import scala.concurrent.Await
import scala.concurrent.duration.{Duration, SECONDS}

private[train] object EachExecutor {

  /** Runs `body` in those of `executors` that are alive, for `seconds` at most: one whose slots are all busy that long is
    * not reached.
    *
    * @return executors that are alive and were not reached
    */
  def run(sc: SparkContext, executors: Set[String], seconds: Long)(body: () => Unit): Set[String] = {
    val alive = TaskSlots.executors(sc).filter(slot => executors(slot.id))
    val reached = mutable.Set.empty[String]
    if (alive.nonEmpty) {
      val targets = alive.map(_.location)
      val job = sc.submitJob(
        new OneEach(sc, targets),
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
        case _: SparkException   => // an executor went away meanwhile, or the job was ended: what is reached is known
      }
    }
    alive.map(_.id).toSet -- reached.synchronized(reached.toSet)
  }

  /** Partitions without elements, each of which wants to be in an executor of its own. */
  private final class OneEach(sc: SparkContext, @transient private val targets: Seq[String])
      extends RDD[Unit](sc, Nil) {
    protected def getPartitions: Array[Partition] = targets.indices.map(number => Place(number)).toArray

    override protected def getPreferredLocations(split: Partition): Seq[String] = Seq(targets(split.index))

    def compute(split: Partition, context: TaskContext): Iterator[Unit] = Iterator.empty
  }

  private final case class Place(index: Int) extends Partition
}
