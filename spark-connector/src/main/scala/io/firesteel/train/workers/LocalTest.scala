// The test set in native memory of the driver: a long stage may occupy every task slot, and no exchange may wait for an
// evaluation.
package io.firesteel.train.workers

import io.firesteel.jni.Worker
import io.firesteel.train.run.{Plan, Score}

/** Owns `worker`, which holds all rows. */
private[train] final class LocalTest(worker: Worker, plan: Plan) extends AutoCloseable {

  /** Accuracy and loss of the center's weights on all rows. */
  def evaluate(center: Array[Float]): Score =
    WorkerScore.total(Seq(WorkerScore.read(worker.evaluate(center.take(plan.length), plan.digest))))

  def close(): Unit = worker.close()
}
