// Pages of a tab in Spark's web UI, which Spark lets only its own packages add. One jar serves all versions of Spark: in 3.5 a
// request is of the package javax.servlet, in 4 of jakarta.servlet, and the frame around a page has got more arguments.
package org.apache.spark.ui.firesteel

import java.lang.reflect.InvocationTargetException
import org.apache.spark.ui.{SparkUI, SparkUITab, UIUtils, WebUIPage}
import scala.xml.Node

/** What a page is to show.
  *
  * @param id the parameter `id` of its address
  * @param live whether the application is running in this process
  * @param nonce without which the browser runs no script of the page, where Spark protects its pages so
  */
final case class PageRequest(id: Option[String], live: Boolean, nonce: Option[String])

/** A page at `prefix` below its tab; the first one has an empty `prefix`. `content` stands below Spark's own header. */
final case class PageContent(prefix: String, title: String, content: PageRequest => Seq[Node])

/** A web UI: of a running application, or of one in the History Server. */
final class TabUi private[firesteel] (ui: SparkUI) {

  /** Adds a tab with its pages, as the last one.
    *
    * @throws ReflectiveOperationException, LinkageError if this version of Spark has no pages as are needed
    */
  def attach(prefix: String, name: String, pages: Seq[PageContent]): Unit = {
    Frame.methods // before anything is attached
    ui.attachTab(new ContentTab(ui, prefix, name, pages))
  }
}

/** `title` is the word in Spark's navigation bar. */
private final class ContentTab(ui: SparkUI, path: String, title: String, contents: Seq[PageContent])
    extends SparkUITab(ui, path) {
  override val name: String = title
  val live: Boolean = ui.sc.nonEmpty
  contents.foreach(content => attachPage(new ContentPage(this, content)))
}

private final class ContentPage(tab: ContentTab, page: PageContent) extends WebUIPage(page.prefix) {

  /** Of Spark 4. */
  override def render(request: jakarta.servlet.http.HttpServletRequest): Seq[Node] =
    framed(request, request.getParameter("id"))

  /** Of Spark 3.5, whose class it overrides there. */
  def render(request: javax.servlet.http.HttpServletRequest): Seq[Node] = framed(request, request.getParameter("id"))

  private def framed(request: AnyRef, id: String): Seq[Node] = {
    val content = page.content(PageRequest(Option(id), tab.live, Frame.nonce))
    Frame.around(request, page.title, content, tab)
  }
}

/** Spark's frame around the content of a page, called by its name: its first four arguments are the same in all versions, and
  * those that follow have defaults, of which there are more in 4.2.
  */
private object Frame {
  private val Given = 4 // arguments without a default

  lazy val methods = {
    val frame = UIUtils.getClass.getMethods.find(_.getName == "headerSparkPage").getOrElse {
      throw new NoSuchMethodException("UIUtils.headerSparkPage")
    }
    val defaults = (Given + 1 to frame.getParameterCount).map { argument =>
      UIUtils.getClass.getMethod(s"headerSparkPage$$default$$$argument")
    }
    (frame, defaults)
  }

  def around(request: AnyRef, title: String, content: Seq[Node], tab: SparkUITab): Seq[Node] = {
    val (frame, defaults) = methods
    val arguments = Seq[AnyRef](request, title, () => content, tab) ++ defaults.map(_.invoke(UIUtils))
    try frame.invoke(UIUtils, arguments: _*).asInstanceOf[Seq[Node]]
    catch { case e: InvocationTargetException => throw e.getCause }
  }

  /** From 4.2 on a page's scripts need it, unless that is switched off. */
  def nonce: Option[String] = nonces.flatMap(get => Option(get.invoke(null).asInstanceOf[String]))

  private lazy val nonces =
    try Some(Class.forName("org.apache.spark.ui.CspNonce").getMethod("get"))
    catch { case _: ClassNotFoundException => None }
}
