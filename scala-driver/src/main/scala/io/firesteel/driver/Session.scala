// Spark as the driver uses it: its configuration before it runs, and a context that is stopped whatever happens.
package io.firesteel.driver

import io.firesteel.train.SparkDefaults
import org.apache.hadoop.conf.Configuration
import org.apache.spark.{SparkConf, SparkContext}

object Session {

  /** Runs `body` with a context of the settings spark-submit was given, over those this job needs. */
  def use[A](name: String)(body: SparkContext => A): A = {
    val conf = new SparkConf().setIfMissing("spark.app.name", name)
    SparkDefaults.settings.foreach(setting => conf.setIfMissing(setting.key, setting.value))
    conf
      .setIfMissing("spark.master", "local[*]")
      .setIfMissing("spark.log.level", "WARN") // Spark's INFO is a hundred lines a round
      .set("spark.ui.showConsoleProgress", "false") // it would write over our own line
    val context = new SparkContext(conf)
    try body(context)
    finally context.stop()
  }

  /** Hadoop's configuration as the context will have it, for what is checked before Spark starts. */
  def hadoop: Configuration = {
    val conf = new Configuration()
    for ((key, value) <- new SparkConf().getAllWithPrefix("spark.hadoop.")) conf.set(key, value)
    conf
  }
}
