// A data set as a table of Spark SQL: which columns it has, and scans that read the columns and rows that a query needs.
package io.firesteel.sources

import java.util
import org.apache.hadoop.conf.Configuration
import org.apache.spark.SparkContext
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.catalog.{SupportsRead, Table, TableCapability}
import org.apache.spark.sql.connector.read._
import org.apache.spark.sql.types._
import org.apache.spark.sql.util.CaseInsensitiveStringMap
import org.apache.spark.unsafe.types.UTF8String
import org.apache.spark.util.SerializableConfiguration

private[sources] final class ImageTable(rows: Rows, override val schema: StructType) extends Table with SupportsRead {
  def name: String = rows.name

  def capabilities: util.Set[TableCapability] = util.EnumSet.of(TableCapability.BATCH_READ)

  def newScanBuilder(options: CaseInsensitiveStringMap): ScanBuilder = new ImageScanBuilder(rows, schema)
}

private[sources] object ImageTable {
  val Image = "image"
  val Label = "label"
  val LabelName = "label_name"
  val File = "file"
  val Row = "row"

  def schema(imageType: DataType): StructType = new StructType()
    .add(Image, imageType)
    .add(Label, IntegerType, nullable = false)
    .add(LabelName, StringType)
    .add(File, StringType, nullable = false)
    .add(Row, LongType, nullable = false)

  /** The same of images without labels. */
  def unlabelled(imageType: DataType): StructType =
    StructType(schema(imageType).filterNot(column => Set(Label, LabelName)(column.name)))
}

private final class ImageScanBuilder(rows: Rows, all: StructType)
    extends SupportsPushDownRequiredColumns
    with SupportsPushDownLimit {
  private var schema = all
  private var limit = Int.MaxValue

  /** A column is read as a whole, even if only fields of it are required. */
  def pruneColumns(required: StructType): Unit =
    schema = StructType(all.filter(column => required.fieldNames.contains(column.name)))

  def pushLimit(most: Int): Boolean = {
    limit = most
    true
  }

  /** The scan gives no row more. */
  override def isPartiallyPushed: Boolean = false

  def build(): Scan = new ImageScan(rows, schema, limit)
}

/** Scans of the same columns and rows are equal, so that Spark reads them once. */
private final case class ImageScan(rows: Rows, schema: StructType, limit: Int)
    extends Scan
    with Batch
    with SupportsReportStatistics {
  private val sc = SparkContext.getOrCreate()
  private val count = math.min(rows.count, limit.toLong)

  def readSchema: StructType = schema

  override def description: String = {
    val limited = if (limit == Int.MaxValue) "" else s", limit $limit"
    s"${rows.name}: ${schema.fieldNames.mkString("[", ", ", "]")}$limited"
  }

  override def toBatch: Batch = this

  override def estimateStatistics: Statistics = new Statistics {
    private val others = schema.filter(_.name != ImageTable.Image).map(_.dataType.defaultSize.toLong).sum
    private val images =
      if (!schema.fieldNames.contains(ImageTable.Image)) 0 else rows.imageBytes / math.max(1, rows.count)
    override val numRows: util.OptionalLong = util.OptionalLong.of(count)
    override val sizeInBytes: util.OptionalLong = util.OptionalLong.of(count * (others + images))
  }

  override def planInputPartitions(): Array[InputPartition] = {
    val slices = rows.slices(sc.defaultParallelism)
    val before = slices.scanLeft(0L)(_ + _.rows)
    slices.zip(before).takeWhile(_._2 < limit).map[InputPartition] { case (slice, start) =>
      if (start + slice.rows <= limit) slice else slice.take((limit - start).toInt)
    }
  }.toArray

  override def createReaderFactory(): PartitionReaderFactory =
    new ImageReaderFactory(
      sc.broadcast(new SerializableConfiguration(sc.hadoopConfiguration)),
      schema.fieldNames,
      rows.names
    )
}

private final class ImageReaderFactory(
    conf: Broadcast[SerializableConfiguration],
    columns: Array[String],
    names: IndexedSeq[String]
) extends PartitionReaderFactory {
  def createReader(partition: InputPartition): PartitionReader[InternalRow] =
    new ImageReader(partition.asInstanceOf[Slice], conf.value.value, columns, names)
}

private final class ImageReader(slice: Slice, conf: Configuration, columns: Array[String], names: IndexedSeq[String])
    extends PartitionReader[InternalRow] {
  private val labelled = columns.exists(Set(ImageTable.Label, ImageTable.LabelName))
  private val reader = slice.open(conf, Wanted(columns.contains(ImageTable.Image), labelled))
  private val labelNames = names.map(UTF8String.fromString)
  private val values: Map[String, Cells => Any] = Map(
    ImageTable.Image -> (_.image),
    ImageTable.Label -> (_.label),
    ImageTable.LabelName -> (cells => labelNames.lift(cells.label).orNull),
    ImageTable.File -> (cells => UTF8String.fromString(cells.file)),
    ImageTable.Row -> (_.row)
  )
  private val selected = columns.toSeq.map(values)
  private var at = 0
  private var row: InternalRow = _

  def next(): Boolean = at < slice.rows && {
    val cells = reader.read(at)
    row = InternalRow.fromSeq(selected.map(_(cells)))
    at += 1
    true
  }

  def get(): InternalRow = row

  def close(): Unit = reader.close()
}
