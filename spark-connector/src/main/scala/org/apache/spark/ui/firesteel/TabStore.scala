// The store behind Spark's web UI, in which the History Server keeps what it has read from an event log, too; and how a
// tab gets into both. Spark shows them to its own packages only.
package org.apache.spark.ui.firesteel

import org.apache.spark.scheduler.SparkListener
import org.apache.spark.status.{AppHistoryServerPlugin, ElementTrackingStore}
import org.apache.spark.ui.SparkUI
import org.apache.spark.util.kvstore.KVStore
import org.apache.spark.{SparkConf, SparkContext}
import scala.jdk.CollectionConverters._

/** What pages read. Elements have an index by `KVIndex`, and the store may keep them as JSON on a disk. */
final class TabView(store: KVStore) {
  def all[A](of: Class[A]): Seq[A] = {
    val elements = store.view(of).closeableIterator()
    try elements.asScala.toList
    finally elements.close()
  }
}

/** What a listener writes. */
final class TabStore(store: ElementTrackingStore) {

  /** Adds the element, or puts it in place of the one with the same index. */
  def write(element: Any): Unit = store.write(element)
  def delete(of: Class[_], index: Any): Unit = store.delete(of, index)

  /** Runs `action` before the store is closed, and when an event log has been read. */
  def onFlush(action: => Unit): Unit = store.onFlush(action)
}

object LiveTab {

  /** Has the store of a running application filled by a listener, and shown by a tab. Without a web UI nothing is done. */
  def attach(sc: SparkContext)(listener: TabStore => SparkListener)(tab: (TabUi, TabView) => Unit): Unit =
    sc.ui.foreach { ui =>
      val store = sc.statusStore.store.asInstanceOf[ElementTrackingStore]
      tab(new TabUi(ui), new TabView(store))
      sc.listenerBus.addToStatusQueue(listener(new TabStore(store)))
    }

  /** Whether events have any use: for a web UI or for an event log. */
  def isOf(sc: SparkContext): Boolean = sc.ui.nonEmpty || sc.isEventLogEnabled
}

/** The same in the History Server, which finds the plugin as a service. There is no context there. */
abstract class HistoryTab extends AppHistoryServerPlugin {
  protected def listener(store: TabStore): SparkListener
  protected def attach(ui: TabUi, store: TabView): Unit

  final override def createListeners(conf: SparkConf, store: ElementTrackingStore): Seq[SparkListener] =
    Seq(listener(new TabStore(store)))

  final override def setupUI(ui: SparkUI): Unit = attach(new TabUi(ui), new TabView(ui.store.store))

  override def displayOrder: Int = HistoryTab.Last
}

object HistoryTab {
  private val Last = Int.MaxValue // Spark's own tabs are to the left
}
