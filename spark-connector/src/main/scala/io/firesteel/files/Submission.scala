// Which submission this driver is an attempt of. A cluster manager starts a driver anew that failed: YARN as often as
// spark.yarn.maxAppAttempts says, a standalone cluster with --supervise, there as another Spark application.
package io.firesteel.files

import org.apache.spark.SparkConf

private[firesteel] object Submission {

  /** A setting that scripts/submit gives each submission, the same in all of its attempts. */
  val Key = "spark.firesteel.submission"

  /** Set by YARN's application master, in cluster mode, before the driver begins. */
  private val YarnKey = "spark.yarn.app.id"

  /** The same for every attempt of one submission, and of no other; none where nobody says. */
  def of(conf: SparkConf): Option[String] = conf.getOption(Key).orElse(conf.getOption(YarnKey))
}
