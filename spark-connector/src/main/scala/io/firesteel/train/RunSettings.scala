// The Spark settings that a run needs, in an application that has not set them when it started Spark, as a shell or a
// notebook. Those that Spark reads for each stage are set while a run is under way; of the others one is refused, and the
// rest, which cost speed only, are named in the log.
package io.firesteel.train

import io.firesteel.FiresteelException
import io.firesteel.jni.Kind
import org.apache.spark.SparkContext
import org.apache.spark.firesteel.LiveSettings
import org.slf4j.LoggerFactory
import scala.collection.mutable

private[train] object RunSettings {
  private val log = LoggerFactory.getLogger(getClass)

  /** Read by Spark when it starts a stage. They hold for other jobs of the application, too, as long as a run is under way. */
  private val Live =
    Set(
      "spark.locality.wait.process",
      "spark.locality.wait.node",
      "spark.locality.wait.rack",
      "spark.driver.maxResultSize"
    )

  /** @param runs under way at once
    * @param own the keys that were set here
    */
  private final case class Applied(runs: Int, own: Seq[SparkSetting])

  private val applied = mutable.WeakHashMap.empty[SparkContext, Applied]

  /** Runs `body` with the settings. What the application has set itself stays.
    *
    * @throws FiresteelException of kind config for a setting that cannot be changed any more
    */
  def within[A](sc: SparkContext)(body: => A): A = {
    refuse(sc)
    begin(sc)
    try body
    finally end(sc)
  }

  /** Local Spark does not speculate, whatever is set. */
  private def refuse(sc: SparkContext): Unit =
    for (
      setting <- SparkDefaults.settings.find(_.key == "spark.speculation")
      if !sc.isLocal && LiveSettings.get(sc, setting.key).contains("true")
    )
      throw new FiresteelException(
        Kind.CONFIG,
        s"${setting.key} is true, and ${setting.reason}: start Spark with --conf ${setting.key}=${setting.value}"
      )

  private def begin(sc: SparkContext): Unit = synchronized {
    val now = applied.getOrElseUpdate(sc, Applied(0, lacking(sc)))
    now.own.foreach(setting => LiveSettings.set(sc, setting.key, setting.value))
    applied(sc) = now.copy(runs = now.runs + 1)
  }

  /** The live settings that the application lacks. */
  private def lacking(sc: SparkContext): Seq[SparkSetting] = {
    val (live, others) =
      SparkDefaults.settings.filter(setting => LiveSettings.get(sc, setting.key).isEmpty).partition(s => Live(s.key))
    val slow = others.filterNot(_.key == "spark.speculation")
    if (slow.nonEmpty && !sc.isLocal) {
      val options = slow.map(setting => s"--conf '${setting.key}=${setting.value}'").mkString(" ")
      log.warn(s"training would be faster if Spark were started with $options")
    }
    live
  }

  private def end(sc: SparkContext): Unit = synchronized {
    val now = applied(sc)
    if (now.runs > 1) applied(sc) = now.copy(runs = now.runs - 1)
    else {
      now.own.foreach(setting => LiveSettings.remove(sc, setting.key))
      applied.remove(sc)
    }
  }
}
