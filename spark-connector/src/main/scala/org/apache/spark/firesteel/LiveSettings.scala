// The settings of a running context. Spark reads some of them anew for every stage, and has no public way to change one.
package org.apache.spark.firesteel

import org.apache.spark.SparkContext

object LiveSettings {
  def get(sc: SparkContext, key: String): Option[String] = sc.conf.getOption(key)

  def set(sc: SparkContext, key: String, value: String): Unit = sc.conf.set(key, value)

  def remove(sc: SparkContext, key: String): Unit = sc.conf.remove(key)
}
