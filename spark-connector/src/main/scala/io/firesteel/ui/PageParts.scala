// What both pages consist of: styles, scripts and the data that the scripts draw. They stand in the page itself, because the
// class loader by which Spark serves files does not see an application's jars.
package io.firesteel.ui

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, NullNode, ObjectNode}
import java.math.{BigDecimal, MathContext}
import java.nio.charset.StandardCharsets.UTF_8
import org.apache.spark.ui.firesteel.PageRequest
import scala.util.Using
import scala.xml.{Node, NodeSeq, Unparsed}

private[ui] object PageParts {
  private val Digits = new MathContext(6) // that a number has in the page

  private def resource(name: String): String =
    Using.resource(getClass.getResourceAsStream(name))(in => new String(in.readAllBytes(), UTF_8))

  private lazy val styles = Seq("uPlot.min.css", "page.css").map(resource)
  private lazy val scripts = Seq("uPlot.iife.min.js", "plots.js", "page.js").map(resource)

  /** A page with that data and content. */
  def whole(request: PageRequest, data: ObjectNode)(content: NodeSeq): Seq[Node] = {
    val json = data.toString.replace("<", "\\u003c") // no text in it can end the element
    <div class="firesteel" id="firesteel">
      <style>{Unparsed(styles.mkString("\n"))}</style>
      {content}
      <script type="application/json" id="firesteel-data">{Unparsed(json)}</script>
      {scripts.map(script => <script nonce={request.nonce.orNull}>{Unparsed(script)}</script>)}
    </div>
  }

  def state(progress: Progress): Node =
    <span class={s"firesteel-state ${if (progress.going) "firesteel-going" else ""}"}>{progress.state}</span>

  /** What the scripts read.
    *
    * @param going whether the page is to be read again and again
    */
  def data(going: Boolean, run: Option[RunView]): ObjectNode = {
    val node = JsonNodeFactory.instance.objectNode().put("going", going)
    run.foreach { run =>
      node.put("synchronous", run.about.synchronous).put("resumed", run.about.completedRounds > 0)
      val curves = node.putObject("curves")
      for ((name, curve) <- run.curves.toSeq.sortBy(_._1) if curve.columns.values.exists(_.nonEmpty)) {
        val columns = curves.putObject(name)
        for ((column, values) <- curve.columns.toSeq.sortBy(_._1)) {
          val list = columns.putArray(column)
          values.foreach(value =>
            if (java.lang.Double.isFinite(value)) list.add(short(value)) else list.add(NullNode.instance)
          )
        }
      }
    }
    node
  }

  private def short(value: Double): BigDecimal = {
    val rounded = new BigDecimal(value).round(Digits).stripTrailingZeros
    if (rounded.scale < 0) rounded.setScale(0) else rounded
  }
}
