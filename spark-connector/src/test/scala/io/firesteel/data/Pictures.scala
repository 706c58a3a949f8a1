// PNG files of made-up pictures, for tests.
package io.firesteel.data

import java.awt.image.BufferedImage
import java.io.ByteArrayOutputStream
import java.nio.file.{Files, Path}
import javax.imageio.ImageIO

object Pictures {

  /** A PNG file whose pixel in line y and column x is 0xRRGGBB. */
  def png(height: Int, width: Int)(rgb: (Int, Int) => Int): Array[Byte] = {
    val image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB)
    for (y <- 0 until height; x <- 0 until width) image.setRGB(x, y, rgb(y, x))
    val out = new ByteArrayOutputStream()
    ImageIO.write(image, "png", out)
    out.toByteArray
  }

  /** A picture of one colour. */
  def plain(rgb: Int): Array[Byte] = png(8, 8)((_, _) => rgb)

  /** Writes a file, and the folders that it is in. */
  def write(directory: Path, name: String, bytes: Array[Byte]): Unit = {
    val path = directory.resolve(name)
    Files.createDirectories(path.getParent)
    Files.write(path, bytes)
  }
}
