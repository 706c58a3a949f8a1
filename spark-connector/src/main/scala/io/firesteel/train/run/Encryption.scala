// Whether exchanges travel in TLS where nobody said so: a cluster whose own traffic is encrypted expects it of ours.
package io.firesteel.train.run

import org.apache.spark.SparkConf

private[train] object Encryption {

  /** What encrypts Spark's traffic between driver and executors; `spark.ssl.enabled` also stands for its web pages. */
  private val OfSpark = Seq(
    "spark.network.crypto.enabled",
    "spark.authenticate.enableSaslEncryption",
    "spark.ssl.enabled",
    "spark.ssl.rpc.enabled"
  )

  /** The plan with `tls` decided where it exchanges and nobody said. It stays unsaid where Spark does not encrypt, so
    * that a run which is resumed on a cluster that does is encrypted there.
    */
  def decided(plan: Plan, conf: SparkConf): Plan = {
    val undecided = plan.inStage && plan.config.tls.isEmpty
    if (undecided && OfSpark.exists(conf.getBoolean(_, defaultValue = false))) plan.encrypted else plan
  }
}
