// Rows whose bytes turned out to be no image when the workers loaded them.
package io.firesteel.train.workers

import io.firesteel.{FiresteelException, ImagesDropped, Json}
import io.firesteel.data.ImageSource
import io.firesteel.jni.Kind
import scala.jdk.CollectionConverters._

/** @param described row numbers of the first of them, and why each is no image */
private[train] final case class BadImages(count: Long, described: Seq[(Long, String)]) {

  /** The event that tells that they were left out, if there are any.
    *
    * @throws FiresteelException of kind data that names the first ones, unless `policy` is drop; and if no row is left
    */
  def checked(source: ImageSource, policy: String): Option[ImagesDropped] =
    Option.when(count > 0) {
      val named = described.sortBy(_._1).map { case (row, why) => s"${source.locate(row)}: $why" }
      def refuse(why: String): Nothing = throw new FiresteelException(Kind.DATA, why)
      if (policy != "drop") {
        val others =
          if (count == 1) ""
          else s" ($count of the ${source.rows} images of the ${source.split} set are none; the first is named)"
        refuse(s"${named.head}$others: mend or remove it, or leave such files out with --bad-images drop")
      }
      if (count == source.rows) refuse(s"none of the $count images of the ${source.split} set is one: ${named.head}")
      ImagesDropped(source.split, count, named)
    }
}

private[train] object BadImages {
  private val MostDescribed = 20

  /** Reads and adds the results of `Worker.badImages` of all workers. */
  def read(each: Seq[String]): BadImages = {
    val parsed = each.map(Json.mapper.readTree)
    val described = parsed.flatMap { bad =>
      Json.list(bad, "described").elements.asScala.map(at => Json.whole(at, "row") -> Json.text(at, "why"))
    }
    BadImages(parsed.map(Json.whole(_, "count")).sum, described.sortBy(_._1).take(MostDescribed))
  }
}
