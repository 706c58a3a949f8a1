// The models that this process has open to predict with. A model is opened once, whichever tasks use it, and stays open
// for the next ones; of those that no task uses only the last few stay.
package io.firesteel.ml

import io.firesteel.jni.Predictor
import scala.collection.mutable

private[ml] object PredictorCache {
  private val MostIdle = 2

  private final class Opened(open: => Predictor) {
    var users = 0
    private var opened: Option[Predictor] = None

    /** Opened by the first task; others wait for it, and not for tasks of other models. */
    def predictor: Predictor = synchronized {
      if (opened.isEmpty) opened = Some(open)
      opened.get
    }

    def close(): Unit = synchronized(opened.foreach(_.close()))
  }

  private val models = mutable.LinkedHashMap.empty[String, Opened] // the least recently used first

  /** Runs `body` with the model of this name, which `open` opens if it is not open. */
  def using[A](id: String)(open: => Predictor)(body: Predictor => A): A = {
    val entry = synchronized {
      val found = models.remove(id).getOrElse(new Opened(open))
      models.put(id, found)
      found.users += 1
      found
    }
    try body(entry.predictor)
    finally {
      synchronized(entry.users -= 1)
      closeIdle(MostIdle)
    }
  }

  /** Closes the models that no task uses, except for the `kept` that were used last. */
  private[ml] def closeIdle(kept: Int): Unit = {
    val closing = synchronized {
      val idle = models.filter(_._2.users == 0).toSeq.dropRight(kept)
      idle.foreach { case (id, _) => models.remove(id) }
      idle.map(_._2)
    }
    closing.foreach(_.close())
  }
}
