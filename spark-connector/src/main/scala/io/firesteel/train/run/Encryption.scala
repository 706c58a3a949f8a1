// The default of `tls`: exchanges are encrypted if Spark encrypts its own traffic.
package io.firesteel.train.run

import org.apache.spark.SparkConf

private[train] object Encryption {

  /** Settings that encrypt Spark's traffic between driver and executors. `spark.ssl.enabled` also covers its web pages.
    */
  private val OfSpark = Seq(
    "spark.network.crypto.enabled",
    "spark.authenticate.enableSaslEncryption",
    "spark.ssl.enabled",
    "spark.ssl.rpc.enabled"
  )

  /** The plan with `tls` on if the run exchanges inside a stage, `tls` is not set and Spark encrypts. It stays unset if
    * Spark does not encrypt, so that a run which is resumed on a cluster that does is encrypted there.
    */
  def decided(plan: Plan, conf: SparkConf): Plan = {
    val undecided = plan.inStage && plan.config.tls.isEmpty
    if (undecided && OfSpark.exists(conf.getBoolean(_, defaultValue = false))) plan.encrypted else plan
  }
}
