// What a notebook or a shell asks of the whole library, beside the estimator.
package io.firesteel.ml

import io.firesteel.TrainConfig
import io.firesteel.train.doctor.{Diagnosis, Doctor}
import org.apache.spark.sql.SparkSession

object Firesteel {

  /** Examines the session's driver and every executor, which takes some ten seconds: versions, processors, libtorch, threads,
    * memory, GPUs, disks, clocks, the way to the exchanger, and the speed of training, decoding and sending. `println` of the
    * result's `text` shows a table, with what to do about each problem.
    *
    * @param settings of the run that is to fit, such as net, batch and workers
    * @throws io.firesteel.FiresteelException of kind config for settings that cannot be
    */
  def doctor(spark: SparkSession, settings: TrainConfig = TrainConfig()): Diagnosis =
    Doctor.examine(spark.sparkContext, settings)
}
