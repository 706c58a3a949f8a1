// The formats that `spark.read.format(..)` finds by name: cifar, idx and firesteel-images. Each opens one directory, the
// path, and gives the training, validation or test set of it, the option `split`.
package io.firesteel.sources

import io.firesteel.data._
import java.util
import org.apache.spark.SparkContext
import org.apache.spark.sql.connector.catalog.{Table, TableProvider}
import org.apache.spark.sql.connector.expressions.Transform
import org.apache.spark.sql.sources.DataSourceRegister
import org.apache.spark.sql.types.{BinaryType, DataType, StructType}
import org.apache.spark.sql.util.CaseInsensitiveStringMap
import scala.jdk.CollectionConverters._

private[sources] sealed abstract class ImageFormat[F](readers: (ImageFiles.Reader { type Files = F })*)
    extends TableProvider
    with DataSourceRegister {

  /** Type of the column `image`. */
  protected def imageType: DataType = ImageColumn.dataType

  /** Options beside those that all formats have. */
  protected def own: Set[String] = Set.empty

  protected def holdOut(options: SourceOptions): Option[HoldOut] = None

  /** The rows of `files`, one of the sets of `splits`. */
  protected def rows(name: String, files: F, splits: DataSplits[F]): Rows

  /** Without a look at the directory, which may take long to list: `getTable` lists it, once. */
  def inferSchema(options: CaseInsensitiveStringMap): StructType = ImageTable.schema(imageType)

  def getTable(schema: StructType, partitioning: Array[Transform], properties: util.Map[String, String]): Table =
    table(schema, new SourceOptions(shortName(), new CaseInsensitiveStringMap(properties).asScala.toMap, own))

  protected def table(schema: StructType, options: SourceOptions): Table = {
    val held = holdOut(options)
    val directory = DataDirectory.list(SparkContext.getOrCreate(), options.path)
    val reader = ImageFiles.recognize(directory, options.path, readers, options.dataset, "the option dataset")
    val splits = reader.list(directory, held, known = IndexedSeq.empty)
    val name = s"${reader.name} ${options.split} of ${directory.path}"
    new ImageTable(rows(name, options.choose(splits, reader.name), splits), schema)
  }
}

/** CIFAR-10 and CIFAR-100 in their binary version. */
final class CifarSource extends ImageFormat[IndexedSeq[CifarFile]](CifarFiles.Cifar10, CifarFiles.Cifar100) {
  def shortName(): String = "cifar"

  protected def rows(name: String, files: IndexedSeq[CifarFile], splits: DataSplits[IndexedSeq[CifarFile]]): Rows =
    new CifarRows(name, files, splits.names)
}

/** MNIST's idx files. */
final class IdxSource extends ImageFormat[IdxPair](IdxFiles) {
  def shortName(): String = "idx"

  protected def rows(name: String, files: IdxPair, splits: DataSplits[IdxPair]): Rows =
    new IdxRows(name, files)
}

/** JPEG and PNG files in class folders, or with the option `labels` `none` at any depth, in a table without labels. */
final class FolderSource extends ImageFormat[EncodedFiles](ClassFolders) {
  def shortName(): String = "firesteel-images"

  override protected def imageType: DataType = BinaryType

  override protected def own: Set[String] = Set("validation", "seed", SourceOptions.Labels)

  override def inferSchema(options: CaseInsensitiveStringMap): StructType =
    if (options.getOrDefault(SourceOptions.Labels, "") == SourceOptions.NoLabels) ImageTable.unlabelled(imageType)
    else super.inferSchema(options)

  override protected def table(schema: StructType, options: SourceOptions): Table =
    if (options.labelled) super.table(schema, options)
    else {
      val files = FilesBelow.list(SparkContext.getOrCreate(), options.path)
      new ImageTable(new FolderRows(s"images below ${options.path}", files, IndexedSeq.empty), schema)
    }

  override protected def holdOut(options: SourceOptions): Option[HoldOut] =
    options.real("validation").map(HoldOut(_, options.whole("seed").getOrElse(0)))

  protected def rows(name: String, files: EncodedFiles, splits: DataSplits[EncodedFiles]): Rows =
    new FolderRows(name, files, splits.names)
}
