// A comparison of a matrix of settings as a DataFrame, for Python and for clients of Spark Connect, which may ask the server
// for registered transformers.
package io.firesteel.ml

import io.firesteel.FiresteelException
import io.firesteel.compare.{Comparison, Matrix, MatrixFile}
import io.firesteel.files.Directory
import io.firesteel.jni.Kind
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Path
import org.apache.spark.ml.Transformer
import org.apache.spark.ml.param.{BooleanParam, IntParam, Param, ParamMap, ParamValidators}
import org.apache.spark.ml.util.{DefaultParamsReadable, DefaultParamsWritable, Identifiable}
import org.apache.spark.sql.types.{StringType, StructType}
import org.apache.spark.sql.{DataFrame, Dataset, Row}
import scala.collection.mutable
import scala.jdk.CollectionConverters._
import scala.util.Using

/** Does what the command `compare` does; the DataFrame that it transforms is not read. The result has a row for each run that
  * has ended: column `result` is a line of `results.jsonl`.
  */
final class MatrixComparison(override val uid: String) extends Transformer with DefaultParamsWritable {
  def this() = this(Identifiable.randomUID("comparison"))

  /** @group param */
  val matrix: Param[String] = new Param(this, "matrix", "the comparison, as JSON: axes of settings, and a budget")

  /** @group param */
  val beside: Param[String] =
    new Param(
      this,
      "beside",
      "directory of the configuration files that the matrix names (default: the working directory)"
    )

  /** @group param */
  val out: Param[String] = new Param(this, "out", "directory of the report; the results in it are not made again")

  /** @group param */
  val parallel: IntParam = new IntParam(
    this,
    "parallel",
    "runs at once (default: as many as find a task slot for each of their workers)",
    ParamValidators.gtEq(1)
  )

  /** @group param */
  val stop: BooleanParam =
    new BooleanParam(this, "stop", "whether the comparison of this uid that is under way is to end")

  setDefault(beside -> ".", stop -> false)

  /** @group setParam */
  def setMatrix(value: String): this.type = set(matrix, value)

  /** @group setParam */
  def setBeside(value: String): this.type = set(beside, value)

  /** @group setParam */
  def setOut(value: String): this.type = set(out, value)

  /** @group setParam */
  def setParallel(value: Int): this.type = set(parallel, value)

  /** @group setParam */
  def setStop(value: Boolean): this.type = set(stop, value)

  override def transformSchema(schema: StructType): StructType = MatrixComparison.Schema

  /** @throws FiresteelException of kind config for a matrix or a run that cannot be, of kind cancelled if it was ended */
  override def transform(dataset: Dataset[_]): DataFrame = {
    val lines = if ($(stop)) stopped() else MatrixComparison.during(uid)(compared(dataset))
    dataset.sparkSession.createDataFrame(lines.map(Row(_)).asJava, MatrixComparison.Schema)
  }

  private def stopped(): Seq[String] = {
    MatrixComparison.interrupt(uid)
    Nil
  }

  private def compared(dataset: Dataset[_]): Seq[String] = {
    val sc = dataset.sparkSession.sparkContext
    val plan: Matrix = MatrixFile.parse(said(matrix), "matrix", name => Path.of($(beside)).resolve(name))
    Using.resource[Directory, Seq[String]](Comparison.claim(said(out), sc.hadoopConfiguration, plan)) { directory =>
      directory.belongsTo(sc.applicationId)
      Comparison.run(sc, plan, directory, get(parallel))
      directory.read(Comparison.Results).toSeq.flatMap(new String(_, UTF_8).linesIterator)
    }
  }

  private def said(param: Param[String]): String =
    get(param).getOrElse(throw new FiresteelException(Kind.CONFIG, s"${param.name} is not set"))

  override def copy(extra: ParamMap): MatrixComparison = defaultCopy(extra)
}

object MatrixComparison extends DefaultParamsReadable[MatrixComparison] {
  private val Schema = new StructType().add("result", StringType, nullable = false)

  /** The threads of the comparisons of this process, by uid. */
  private val running = mutable.Map.empty[String, Thread]

  private def interrupt(uid: String): Unit = running.synchronized(running.get(uid).foreach(_.interrupt()))

  /** The thread serves other calls afterwards, which an interruption of this one must not reach. */
  private def during[A](uid: String)(body: => A): A = {
    running.synchronized(running(uid) = Thread.currentThread)
    try body
    finally
      running.synchronized {
        running.remove(uid)
        Thread.interrupted()
      }
  }

  override def load(path: String): MatrixComparison = super.load(path)
}
