// The plugin that shows runs in Spark's web UI: `--conf spark.plugins=io.firesteel.ui.FiresteelPlugin`. It adds a tab to the
// web UI of the application, and has runs send their events to Spark's listeners, and so to the event log.
package io.firesteel.ui

import java.util.{Collections, Map => JMap}
import org.apache.spark.api.plugin.{DriverPlugin, ExecutorPlugin, PluginContext, SparkPlugin}
import org.apache.spark.scheduler.SparkListener
import org.apache.spark.ui.firesteel.{HistoryTab, LiveTab, TabStore, TabUi, TabView}
import org.apache.spark.{SparkConf, SparkContext}
import org.slf4j.LoggerFactory

final class FiresteelPlugin extends SparkPlugin {
  override def driverPlugin(): DriverPlugin = new RunsOfDriver

  /** Executors do nothing for it. */
  override def executorPlugin(): ExecutorPlugin = null
}

object FiresteelPlugin {
  private val Plugins = "spark.plugins"

  /** With `false` the plugin does nothing. */
  private[ui] val Enabled = "spark.firesteel.ui.enabled"

  /** Adds the plugin to those that are named already. */
  def addTo(conf: SparkConf): SparkConf = {
    val named = conf.get(Plugins, "").split(',').map(_.trim).filter(_.nonEmpty).toSeq
    conf.set(Plugins, (named :+ classOf[FiresteelPlugin].getName).distinct.mkString(","))
  }
}

private final class RunsOfDriver extends DriverPlugin {
  private val log = LoggerFactory.getLogger(classOf[FiresteelPlugin])
  private var context = Option.empty[SparkContext]

  /** A tab that this Spark does not take is no reason to end the application: it is said, and runs are as without it. */
  override def init(sc: SparkContext, plugin: PluginContext): JMap[String, String] = {
    if (sc.getConf.getBoolean(FiresteelPlugin.Enabled, defaultValue = true) && LiveTab.isOf(sc))
      try {
        LiveTab.attach(sc)(new RunListener(_))(RunPages.attach)
        RunPosts.activate(sc)
        context = Some(sc)
      } catch {
        case e @ (_: ReflectiveOperationException | _: LinkageError) =>
          log.warn(s"Spark ${sc.version} gets no tab of Firesteel in its web UI, which has changed: $e")
      }
    Collections.emptyMap
  }

  override def shutdown(): Unit = context.foreach(RunPosts.end)
}

/** The same tab in Spark's History Server, where this jar is on its class path. */
final class HistoryPlugin extends HistoryTab {
  override protected def listener(store: TabStore): SparkListener = new RunListener(store)
  override protected def attach(ui: TabUi, store: TabView): Unit = RunPages.attach(ui, store)
}
