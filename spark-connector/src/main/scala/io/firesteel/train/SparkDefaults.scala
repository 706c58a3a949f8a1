// Spark settings that training needs. The driver application sets those that the user has not set, before it starts
// Spark; who uses the library in a Spark application of their own sets them there.
package io.firesteel.train

/** One Spark setting, and why it is as it is. */
case class SparkSetting(key: String, value: String, reason: String)

object SparkDefaults {
  val settings: Seq[SparkSetting] = Seq(
    SparkSetting(
      "spark.speculation",
      "false",
      "a second attempt would build a second worker and compute the round twice"
    ),
    SparkSetting(
      "spark.locality.wait.process",
      "10m",
      "a busy executor is waited for: elsewhere its worker is built again and loses its momentum"
    ),
    SparkSetting("spark.locality.wait.node", "0", "away from its executor, a worker is built again wherever it goes"),
    SparkSetting("spark.locality.wait.rack", "0", "away from its executor, a worker is built again wherever it goes"),
    SparkSetting("spark.broadcast.compress", "false", "float weights do not compress"),
    SparkSetting(
      "spark.task.maxDirectResultSize",
      "96m", // below spark.rpc.message.maxSize of 128 MiB, the most that one message carries
      "a result above it goes through the block manager, in two steps"
    ),
    SparkSetting(
      "spark.executor.defaultJavaOptions",
      "-XX:TieredStopAtLevel=1 -XX:G1HeapRegionSize=16m", // scripts/submit has it for the driver
      "the optimising compiler's threads take the workers' cores, and blocks of 4 MiB in smaller regions of the heap " +
        "make each round collect garbage"
    ),
    SparkSetting(
      "spark.executorEnv.LC_ALL",
      "C.UTF-8",
      "Java reads file names in the charset of the locale, which service managers start a worker's machine without"
    ),
    SparkSetting("spark.driver.maxResultSize", "0", "a round brings all workers' vectors back, which is meant to fit")
  )
}
