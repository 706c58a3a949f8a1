// Small images and folders of them.
package io.firesteel.data

import java.awt.image.BufferedImage
import java.io.ByteArrayOutputStream
import java.nio.file.{Files, Path}
import javax.imageio.ImageIO

object TestImages {

  /** A PNG file of one color, red in the high byte. */
  def png(color: Int, width: Int = 3, height: Int = 2): Array[Byte] = drawn(height, width)((_, _) => color)

  /** A PNG file with that color in line y and column x. */
  def drawn(height: Int, width: Int)(color: (Int, Int) => Int): Array[Byte] = {
    val image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB)
    for (y <- 0 until height; x <- 0 until width) image.setRGB(x, y, color(y, x))
    val out = new ByteArrayOutputStream
    ImageIO.write(image, "png", out)
    out.toByteArray
  }

  /** Writes these files below `directory`, each an image of another color. */
  def write(directory: Path, names: String*): Unit =
    for ((name, at) <- names.zipWithIndex) write(directory, name, png(at * 0x010203))

  def write(directory: Path, name: String, content: Array[Byte]): Path = {
    val file = directory.resolve(name)
    Files.createDirectories(file.getParent)
    Files.write(file, content)
  }
}
