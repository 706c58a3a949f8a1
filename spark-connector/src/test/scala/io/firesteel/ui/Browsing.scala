// Web pages as the tests of this package read them.
package io.firesteel.ui

import com.fasterxml.jackson.databind.JsonNode
import io.firesteel.Json
import java.net.URI
import java.net.http.HttpClient.Redirect
import java.net.http.HttpResponse.BodyHandlers
import java.net.http.{HttpClient, HttpRequest}
import scala.jdk.CollectionConverters._

object Browsing {
  private val client = HttpClient.newBuilder().followRedirects(Redirect.NORMAL).build()

  /** The status and the text of a page. */
  def get(address: String): (Int, String) = {
    val answer = client.send(HttpRequest.newBuilder(URI.create(address)).build(), BodyHandlers.ofString())
    (answer.statusCode, answer.body)
  }

  def page(address: String): String = {
    val (status, text) = get(address)
    if (status != 200) throw new AssertionError(s"$address: status $status: ${text.take(2000)}")
    text
  }

  /** What the tab has put into a page, without Spark's frame. */
  def content(page: String): String = page.substring(page.indexOf("""<div class="firesteel""""))

  /** The data that the page's scripts draw. */
  def data(page: String): JsonNode =
    Json.mapper.readTree(page.split("""id="firesteel-data">""")(1).takeWhile(_ != '<'))

  /** A column of a curve. */
  def column(page: String, curve: String, name: String): Seq[Double] =
    data(page).get("curves").get(curve).get(name).elements.asScala.map(_.asDouble(Double.NaN)).toSeq
}
