// The metadata of saved stages, which Spark ML shows to its own packages only.
package org.apache.spark.ml.firesteel

import org.apache.spark.SparkContext
import org.apache.spark.ml.param.Params
import org.apache.spark.ml.util.{DefaultParamsReader, DefaultParamsWriter, ReadWriteUtils}
import scala.annotation.nowarn

/** The file `metadata` of a saved stage: its class, uid and Params. The methods that take a context are deprecated since Spark
  * 4.0, and the only ones that 3.5 has too.
  */
@nowarn("cat=deprecation")
object StageMetadata {
  def save(stage: Params, path: String, sc: SparkContext): Unit = DefaultParamsWriter.saveMetadata(stage, path, sc)

  /** Runs `body`, in which paths are of the driver's own disk. For Spark 4.1 and newer, whose Connect server asks for it. */
  def locally[A](body: => A): A = {
    ReadWriteUtils.localSavingModeState.set(true)
    try body
    finally ReadWriteUtils.localSavingModeState.set(false)
  }

  /** Makes the stage of that class by `make` from its uid, and sets its Params. */
  def load[A <: Params](path: String, sc: SparkContext, expected: Class[A])(make: String => A): A = {
    val metadata = DefaultParamsReader.loadMetadata(path, sc, expected.getName)
    val stage = make(metadata.uid)
    metadata.getAndSetParams(stage)
    stage
  }
}
