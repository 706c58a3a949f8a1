// How the values of a features column become records of the engine, which alone decodes and checks them.
package io.firesteel.ml

import io.firesteel.FiresteelException
import io.firesteel.data.RecordFormat
import io.firesteel.jni.Kind
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.{ByteBuffer, ByteOrder}
import org.apache.spark.ml.linalg.{SQLDataTypes, Vector}
import org.apache.spark.sql.functions.col
import org.apache.spark.sql.types._
import org.apache.spark.sql.{Column, Row}

/** @param encoded whether images are JPEG and PNG files, and not pixels */
private[ml] sealed abstract class ImageFeatures(encoded: Boolean) extends Serializable {

  /** The format of records with these images. */
  def format(weighted: Boolean = false): RecordFormat =
    if (encoded) RecordFormat.Encoded(weighted) else RecordFormat.Pixels(weighted)

  /** The image of a record, in the layout of the format. What is no image becomes bytes that are none, so that the engine
    * treats it as it treats all others.
    */
  def image(value: Any): Array[Byte]

  /** The file that a value says it comes from. */
  def origin(value: Any): Option[String] = None
}

/** The shape of raw values.
  *
  * @param planes whether they lie one plane after another
  */
private[ml] final case class RawShape(height: Int, width: Int, channels: Int, planes: Boolean) {
  def values: Int = height * width * channels

  /** Where the value of `channel` of pixel `at` is. */
  def index(at: Int, channel: Int): Int = if (planes) channel * height * width + at else at * channels + channel
}

private[ml] object RawShape {
  def of(shape: Array[Int], layout: String): RawShape = RawShape(shape(0), shape(1), shape(2), layout == "chw")
}

private[ml] object ImageFeatures {
  private val Height = "height"
  private val Width = "width"
  private val Channels = "nChannels"
  private val Data = "data"
  private val FieldNames = Seq(Height, Width, Channels, Data)

  /** For `column`, whose raw values have `shape`.
    *
    * @throws FiresteelException of kind config for a column of another type, and for raw values without a shape
    */
  def of(column: StructField, shape: Option[RawShape]): ImageFeatures = column.dataType match {
    case struct: StructType if FieldNames.forall(struct.fieldNames.contains) => new Structs(struct)
    case BinaryType                   => shape.fold[ImageFeatures](Files)(new RawBytes(_))
    case ArrayType(_: NumericType, _) => new Numbers(stated(column, shape), elements)
    case SQLDataTypes.VectorType      => new Numbers(stated(column, shape), value => value.asInstanceOf[Vector].toArray)
    case other                        =>
      throw new FiresteelException(
        Kind.CONFIG,
        s"column ${column.name} is of type ${other.simpleString}, which holds no images: an image struct, binary, an array of " +
          "numbers and a vector do"
      )
  }

  /** What the images of `column` are made of, without the file that an image struct comes from. */
  def content(column: StructField): Seq[Column] = {
    val images = col(Columns.quoted(column.name))
    column.dataType match {
      case _: StructType => FieldNames.map(images.getField)
      case _             => Seq(images)
    }
  }

  /** For one value of a column whose type is not known. */
  def ofValue(value: Any, shape: Option[RawShape]): ImageFeatures = {
    val dataType = value match {
      case row: Row if row.schema != null => row.schema
      case _: Array[Byte]                 => BinaryType
      case _: Vector                      => SQLDataTypes.VectorType
      case _: collection.Seq[_]           => ArrayType(DoubleType)
      case _                              => NullType
    }
    of(StructField("features", dataType), shape)
  }

  private def stated(column: StructField, shape: Option[RawShape]): RawShape = shape.getOrElse {
    throw new FiresteelException(
      Kind.CONFIG,
      s"column ${column.name} holds numbers: say the height, width and channels of its images with imageShape"
    )
  }

  private def elements(value: Any): Array[Double] = value
    .asInstanceOf[collection.Seq[Any]]
    .iterator
    .map {
      case null   => Double.NaN
      case number => number.asInstanceOf[Number].doubleValue
    }
    .toArray

  /** JPEG and PNG files. */
  private object Files extends ImageFeatures(encoded = true) {
    private val None = Array.emptyByteArray
    def image(value: Any): Array[Byte] = if (value == null) None else value.asInstanceOf[Array[Byte]]
  }

  /** Spark's image struct. */
  private final class Structs(struct: StructType) extends ImageFeatures(encoded = false) {
    private val (height, width) = (struct.fieldIndex(Height), struct.fieldIndex(Width))
    private val (channels, data) = (struct.fieldIndex(Channels), struct.fieldIndex(Data))
    private val from = struct.fieldNames.indexOf("origin")

    def image(value: Any): Array[Byte] = value match {
      case row: Row if Seq(height, width, channels, data).forall(!row.isNullAt(_)) =>
        val bytes = row.getAs[Array[Byte]](data)
        pixels(row.getInt(height), row.getInt(width), row.getInt(channels), blueFirst = true, bytes)
      case _: Row => none("a field of the image is null")
      case _      => none("null")
    }

    override def origin(value: Any): Option[String] =
      Option(value).filter(_ => from >= 0).flatMap(row => Option(row.asInstanceOf[Row].getAs[String](from)))
  }

  private final class RawBytes(shape: RawShape) extends ImageFeatures(encoded = false) {
    def image(value: Any): Array[Byte] = value match {
      case bytes: Array[Byte] if bytes.length == shape.values && shape.planes => interleaved(shape)(bytes(_))
      case bytes: Array[Byte] if bytes.length == shape.values                 => raw(shape, bytes)
      case bytes: Array[Byte]                                                 => none(wrongLength(bytes.length, shape))
      case _                                                                  => none("null")
    }
  }

  private final class Numbers(shape: RawShape, numbers: Any => Array[Double]) extends ImageFeatures(encoded = false) {
    def image(value: Any): Array[Byte] =
      if (value == null) none("null")
      else {
        val all = numbers(value)
        val wrong = all.indexWhere(number => !(number >= 0 && number <= 255)) // NaN, too
        if (all.length != shape.values) none(wrongLength(all.length, shape))
        else if (wrong >= 0) none(s"value $wrong is ${all(wrong)}, not 0 to 255")
        else interleaved(shape)(at => math.round(all(at)).toByte)
      }
  }

  private def wrongLength(length: Int, shape: RawShape) =
    s"$length values, not the ${shape.values} of ${shape.height} x ${shape.width} x ${shape.channels}"

  private def interleaved(shape: RawShape)(value: Int => Byte): Array[Byte] = {
    val bytes = new Array[Byte](shape.values)
    for (at <- 0 until shape.height * shape.width; channel <- 0 until shape.channels)
      bytes(at * shape.channels + channel) = value(shape.index(at, channel))
    raw(shape, bytes)
  }

  private def raw(shape: RawShape, bytes: Array[Byte]): Array[Byte] =
    pixels(shape.height, shape.width, shape.channels, blueFirst = false, bytes)

  /** An image of `RecordFormat.Pixels`. */
  private def pixels(height: Int, width: Int, channels: Int, blueFirst: Boolean, bytes: Array[Byte]): Array[Byte] =
    if (channels < 1 || channels > 4) none(s"$channels channels, not 1, 3 or 4")
    else
      ByteBuffer
        .allocate(RecordFormat.PixelsHead + bytes.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(height)
        .putInt(width)
        .put(channels.toByte)
        .put((if (blueFirst) 1 else 0).toByte)
        .putShort(0)
        .put(bytes)
        .array

  /** What `RecordFormat.Pixels` has instead of an image: 0 channels, and why there is none. */
  private def none(why: String): Array[Byte] = {
    val text = why.getBytes(UTF_8)
    ByteBuffer
      .allocate(RecordFormat.PixelsHead + text.length)
      .put(new Array[Byte](RecordFormat.PixelsHead))
      .put(text)
      .array
  }
}
