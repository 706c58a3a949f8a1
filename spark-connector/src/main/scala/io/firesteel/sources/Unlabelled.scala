// Images to predict for as a table, whichever kind of files they are in.
package io.firesteel.sources

import io.firesteel.FiresteelException
import io.firesteel.data.{ClassFolders, DataDirectory, IdxFiles, ImageFiles}
import io.firesteel.jni.Kind
import org.apache.spark.sql.{DataFrame, SparkSession}

private[firesteel] object Unlabelled {

  /** The column of the images, of the file that each is in, and of its row number. */
  val Image: String = ImageTable.Image
  val File: String = ImageTable.File
  val Row: String = ImageTable.Row

  /** Opens what is at `uri`, a path or any Hadoop URI: the test or training set of a data set of CIFAR's or idx files, or the
    * JPEG and PNG files at any depth below it, or one such file.
    *
    * @param dataset cifar10, cifar100, idx, or images for JPEG and PNG files; recognized when absent
    * @param split test or train; test when absent
    * @return columns `Image`, `File` and `Row`; in the second place whether each image is a file of its own
    * @throws FiresteelException of kind config for an unknown `dataset`, and for a `split` of files that have none, otherwise as
    *   [[ImageFiles.open]]
    */
  def open(spark: SparkSession, uri: String, dataset: Option[String], split: Option[String]): (DataFrame, Boolean) = {
    def table(format: String, options: (String, String)*) =
      spark.read.format(format).options(options.toMap).load(uri).select(Image, File, Row)
    def rows(format: String, name: String) =
      table(format, "dataset" -> name, "split" -> split.getOrElse("test")) -> false
    recognized(spark, uri, dataset) match {
      case ClassFolders if split.nonEmpty =>
        throw new FiresteelException(
          Kind.CONFIG,
          s"$uri: a split is one of CIFAR's or idx files: of JPEG and PNG files all are taken, so give their directory"
        )
      case ClassFolders => table("firesteel-images", SourceOptions.Labels -> SourceOptions.NoLabels) -> true
      case IdxFiles     => rows("idx", IdxFiles.name)
      case cifar        => rows("cifar", cifar.name)
    }
  }

  private def recognized(spark: SparkSession, uri: String, dataset: Option[String]): ImageFiles.Reader = {
    val sc = spark.sparkContext
    val name = dataset.orElse {
      if (DataDirectory.file(sc, uri).nonEmpty) None else ImageFiles.officialIn(DataDirectory.list(sc, uri))
    }
    name.fold[ImageFiles.Reader](ClassFolders)(ImageFiles.reader)
  }
}
