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

  /** @param of what each executor answered
    * @param missing executors that are alive and did not
    */
  final case class Answers[A](of: Map[String, A], missing: Set[String])

  /** Runs `body` in those of `executors` that are alive, for `seconds` at most: one whose slots are all busy that long
    * does not answer.
    */
  def run[A](sc: SparkContext, executors: Set[String], seconds: Long)(body: () => A): Answers[A] = {
    val alive = TaskSlots.executors(sc).filter(slot => executors(slot.id))
    val answers = mutable.Map.empty[String, A]
    if (alive.nonEmpty) {
      val targets = alive.map(_.location)
      val job = sc.submitJob(
        new OnePerExecutor(sc, targets),
        (_: Iterator[Unit]) => SparkEnv.get.executorId -> body(),
        targets.indices,
        (_: Int, answer: (String, A)) => answers.synchronized(answers += answer),
        ()
      )
      try Await.result(job, Duration(seconds, SECONDS))
      catch {
        case _: TimeoutException => job.cancel()
        case _: SparkException   => // an executor went away meanwhile, or the job was ended: who answered is known
      }
    }
    val answered = answers.synchronized(answers.toMap)
    Answers(answered, alive.map(_.id).toSet -- answered.keySet)
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
