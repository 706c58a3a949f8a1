// The test set in native memory of the driver: inside a long stage every task slot is taken, and no exchange may wait
// for an evaluation.
package io.firesteel.train.workers

import io.firesteel.jni.Worker
import io.firesteel.train.run.{Plan, Score}

/** Owns `worker`, which holds all rows. */
private[train] final class LocalTest(worker: Worker, plan: Plan) extends AutoCloseable {

  /** How good the center's weights are on all rows. */
  def evaluate(center: Array[Float]): Score =
    WorkerScore.total(Seq(WorkerScore.read(worker.evaluate(center.take(plan.length), plan.digest))))

  def close(): Unit = worker.close()
}
