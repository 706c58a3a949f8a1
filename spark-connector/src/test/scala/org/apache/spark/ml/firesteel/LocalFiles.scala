// What the server of Spark Connect does with models, which only Spark's own packages may call.
package org.apache.spark.ml.firesteel

import org.apache.spark.ml.Model
import org.apache.spark.ml.util.{MLReadable, MLWritable}
import org.apache.spark.sql.DataFrame

object LocalFiles {
  def save(model: MLWritable, path: String): Unit = model.write.saveToLocal(path)
  def load[A](of: MLReadable[A], path: String): A = of.read.loadFromLocal(path)
  def saveSummary(model: HasSummary[_], path: String): Unit = model.saveSummary(path)
  def loadSummary(model: HasSummary[_], path: String, dataset: DataFrame): Unit = model.loadSummary(path, dataset)
  def size(model: Model[_]): Long = model.estimatedSize
}
