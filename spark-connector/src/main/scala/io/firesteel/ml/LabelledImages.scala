// The rows of a DataFrame as the training and the validation set of a run.
package io.firesteel.ml

import io.firesteel.{FiresteelException, JobDescription}
import io.firesteel.data.{ImageRecords, ImageSource}
import io.firesteel.jni.Kind
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.functions.{col, lit, xxhash64}
import org.apache.spark.sql.types.StringType
import org.apache.spark.sql.{Dataset, Row}
import org.slf4j.LoggerFactory

/** @param nulls rows without a label, which are left out
  * @param content of all rows with a label, in whatever order: the sum of their hashes, by which the rows of two fits are
  *   told apart; 0 if it was not asked for
  */
private[ml] final case class LabelledImages(
    train: ImageSource,
    validation: Option[ImageSource],
    labels: Labels,
    nulls: Long,
    content: Long
)

private[ml] object LabelledImages {
  private val log = LoggerFactory.getLogger(getClass)

  // the columns that are read
  private val Image = 0
  private val Label = 1
  private val Held = 2
  private val File = 3
  private val Hash = 4
  private val Weight = 5 // only if there are weights

  /** What is in one partition.
    *
    * @param train rows of the training set, and `held` of the validation set
    * @param nulls rows without a label
    * @param wrong the first label or weight that is none, and why
    * @param content the sum of the hashes of rows with a label
    */
  private final case class Facts(
      train: Long,
      held: Long,
      nulls: Long,
      trainLabels: Set[Any],
      heldLabels: Set[Any],
      wrong: Option[String],
      content: Long
  )

  /** Reads the DataFrame once, to count rows and to find the labels.
    *
    * @param drop whether rows without a label are left out instead of being a failure
    * @param hashed whether to hash each row: image, label, weight, and in which of the sets it is. That reads every byte of
    *   it once more
    * @throws FiresteelException of kind config for a column of a wrong type, of kind data for rows that cannot be learnt
    */
  def of(dataset: Dataset[_], params: CnnParams, labelCol: String, drop: Boolean, hashed: Boolean): LabelledImages = {
    val schema = dataset.schema
    val features = params.features(schema)
    val label = Columns.find(schema, labelCol, "labelCol")
    val file = Columns.file(schema)
    val weight = Columns.weight(schema, params)
    val learnt = Seq(Columns.label(label), Columns.held(schema, params))
    val hash =
      if (hashed) xxhash64(ImageFeatures.content(schema(params.getFeaturesCol)) ++ learnt ++ weight: _*) else lit(0L)
    val columns = (col(Columns.quoted(params.getFeaturesCol)) +: learnt) ++ Seq(
      file.fold(lit(null).cast(StringType))(field => col(Columns.quoted(field.name))),
      hash
    )
    val rows = dataset.select(columns ++ weight: _*).rdd
    val (weighted, labelName) = (weight.nonEmpty, label.name)
    val facts = JobDescription(rows.sparkContext, "count the rows") {
      rows.mapPartitions(partition => Iterator(count(partition, labelName, weighted))).collect()
    }
    def fail(message: String): Nothing = throw new FiresteelException(Kind.DATA, message)
    facts.flatMap(_.wrong).headOption.foreach(fail)
    val nulls = facts.map(_.nulls).sum
    if (nulls > 0 && !drop)
      fail(s"label column ${label.name} is null in $nulls rows: remove them, or leave them out with badImages drop")
    if (nulls > 0) log.warn(s"left out: $nulls rows in which label column ${label.name} is null")
    if (facts.map(_.train).sum == 0) fail("there are no training rows")
    val labels = Labels.of(label, facts.flatMap(_.trainLabels).toSet, facts.flatMap(_.heldLabels).toSet)

    def source(held: Boolean): ImageSource = {
      val counts = facts.map(fact => if (held) fact.held else fact.train)
      val starts = counts.scanLeft(0L)(_ + _)
      val records = rows.mapPartitionsWithIndex { (partition, all) =>
        of(all, held).zipWithIndex.map { case (row, at) =>
          val (label, image) = (labels.number(row.get(Label)), features.image(row.get(Image)))
          val record =
            if (weighted) ImageRecords.record(label, row.getDouble(Weight).toFloat, image)
            else ImageRecords.record(label, image)
          starts(partition) + at -> record
        }
      }
      ImageSource(
        records,
        starts.last,
        labels.count,
        features.format(weighted),
        located(rows, features, starts, held, _),
        labels.names,
        if (held) "validation" else "train"
      )
    }
    LabelledImages(
      source(held = false),
      Option.when(facts.exists(_.held > 0))(source(held = true)),
      labels,
      nulls,
      facts.map(_.content).sum
    )
  }

  /** The rows of one of the sets. */
  private def of(rows: Iterator[Row], held: Boolean): Iterator[Row] =
    rows.filter(row => !row.isNullAt(Label) && row.getBoolean(Held) == held)

  private def count(rows: Iterator[Row], labelCol: String, weighted: Boolean): Facts =
    rows.foldLeft(Facts(0, 0, 0, Set.empty, Set.empty, None, 0)) { (facts, row) =>
      if (row.isNullAt(Label)) facts.copy(nulls = facts.nulls + 1)
      else {
        val label = row.get(Label)
        def weight = if (weighted) wrongWeight(row) else None
        def wrong = Labels.wrong(label).map(why => s"label column $labelCol has $why").orElse(weight)
        val hashed = facts.copy(content = facts.content + row.getLong(Hash))
        val checked = if (facts.wrong.isEmpty) hashed.copy(wrong = wrong) else hashed
        if (row.getBoolean(Held)) checked.copy(held = facts.held + 1, heldLabels = facts.heldLabels + label)
        else checked.copy(train = facts.train + 1, trainLabels = facts.trainLabels + label)
      }
    }

  private def wrongWeight(row: Row): Option[String] =
    if (row.isNullAt(Weight)) Some("a weight is null")
    else {
      val weight = row.getDouble(Weight).toFloat
      Option.when(!(weight >= 0 && weight < Float.PositiveInfinity))(
        s"a weight is ${row.getDouble(Weight)}: weights are finite and not negative"
      )
    }

  /** Reads the row's partition again, as far as the row, for the name of its file. */
  private def located(
      rows: RDD[Row],
      features: ImageFeatures,
      starts: Array[Long],
      held: Boolean,
      row: Long
  ): String = {
    val partition = starts.lastIndexWhere(_ <= row)
    val before = row - starts(partition)
    val name = (all: Iterator[Row]) =>
      of(all, held).zipWithIndex.collectFirst {
        case (found, at) if at == before =>
          Option(found.getString(File)).orElse(features.origin(found.get(Image)))
      }.flatten
    val file = rows.sparkContext.runJob(rows, name, Seq(partition)).head
    file.filter(_.nonEmpty).getOrElse(s"row $row of the ${if (held) "validation" else "training"} rows")
  }
}
