// What a cell shows beside text. In the Scala kernel its name is `display`.
package io.firesteel.notebook

/** Pictures and pages in the output of the cell that runs. */
object Display {
  @volatile private[notebook] var channel: Option[Channel] = None

  /** Shows HTML, which the notebook does not check: text from outside has to be escaped. */
  def html(content: String): Unit = show("text/html", content)

  /** Shows a picture, an SVG document. */
  def svg(content: String): Unit = show("image/svg+xml", content)

  private def show(kind: String, content: String): Unit = {
    val to = channel.getOrElse(throw new IllegalStateException("there is no notebook to show it in"))
    to.flush() // what was printed before stands above
    val data = Channel.node(kind -> Channel.text(content), "text/plain" -> Channel.text(s"<$kind>"))
    to.send("display", "data" -> data)
  }
}
