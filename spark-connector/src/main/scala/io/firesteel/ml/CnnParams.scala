// The Params of estimator and model that are no settings of a run: which columns there are and what is in them.
package io.firesteel.ml

import org.apache.spark.ml.param.shared.{HasFeaturesCol, HasValidationIndicatorCol, HasWeightCol}
import org.apache.spark.ml.param.{IntArrayParam, Param, ParamValidators}
import org.apache.spark.sql.types.StructType

private[ml] trait CnnParams extends SettingParams with HasFeaturesCol with HasWeightCol with HasValidationIndicatorCol {

  /** Height, width and channels of the images in a column of raw values: binary, array of numbers or Vector. Channels are 1
    * (grey), 3 (red, green, blue) or 4 (with alpha, which is left out); values are 0 to 255. Without it a binary column
    * holds JPEG and PNG files. An image struct has a shape of its own.
    * @group param
    */
  final val imageShape: IntArrayParam = new IntArrayParam(
    this,
    "imageShape",
    "height, width and channels (1, 3 or 4) of images in a column of raw values, which are 0 to 255; without it a binary " +
      "column holds JPEG and PNG files",
    (shape: Array[Int]) => shape.length == 3 && shape.forall(_ > 0) && Set(1, 3, 4)(shape(2))
  )

  /** @group getParam */
  final def getImageShape: Array[Int] = $(imageShape)

  /** In which order raw values lie: hwc, the channels of a pixel together, or chw, one plane after another.
    * @group param
    */
  final val imageLayout: Param[String] = new Param(
    this,
    "imageLayout",
    "order of raw values: hwc (default), the channels of a pixel together, or chw, one plane after another",
    ParamValidators.inArray(Array("hwc", "chw"))
  )

  /** @group getParam */
  final def getImageLayout: String = $(imageLayout)

  /** What happens to a row whose image is null or no image, or whose label is null: fail, drop, or (in `transform` only)
    * null, which gives it predictions that are null.
    * @group param
    */
  final val badImages: Param[String] = new Param(
    this,
    "badImages",
    "what happens to a row whose image is null or no image: fail (default), drop, or in transform null",
    ParamValidators.inArray(Array("fail", "drop", "null"))
  )

  /** @group getParam */
  final def getBadImages: String = $(badImages)

  /** A column that says of each row why it has no predictions, with `badImages` null; null in rows that have some. Not set,
    * there is no such column.
    * @group param
    */
  final val badImageCol: Param[String] = new Param(
    this,
    "badImageCol",
    "name of a column that says, with badImages null, why the image of a row is none; without it there is no such column"
  )

  /** @group getParam */
  final def getBadImageCol: String = $(badImageCol)

  setDefault(imageLayout -> "hwc", badImages -> "fail")

  /** The shape of images that are raw values, if it was said. */
  private[ml] def rawShape: Option[RawShape] = get(imageShape).map(RawShape.of(_, $(imageLayout)))

  /** How the values of the features column become images.
    *
    * @throws io.firesteel.FiresteelException of kind config for a column that holds none
    */
  private[ml] def features(schema: StructType): ImageFeatures = {
    val column = Columns.find(schema, $(featuresCol), "featuresCol")
    ImageFeatures.of(column, rawShape)
  }
}
