// Reads the JSON file of a comparison, and checks every key in it.
package io.firesteel.compare

import com.fasterxml.jackson.core.{JsonParser, JsonProcessingException}
import com.fasterxml.jackson.databind.node.ObjectNode
import com.fasterxml.jackson.databind.{DeserializationFeature, JsonNode, ObjectMapper}
import io.firesteel.{Failure, FiresteelException, Json, Schema}
import io.firesteel.jni.Kind
import io.firesteel.train.simulation.SimulatedTraining
import java.io.IOException
import java.nio.file.{Files, Path}
import scala.jdk.CollectionConverters._

object MatrixFile {
  private val Keys = Seq("name", "simulate", "base", "axes", "exclude", "override", "budget", "evaluations", "goal")
  private val ValueKeys = Seq("name", "set", "config")
  private val Budgets = Seq("samples", "seconds", "iterations")
  private val Evaluations = 20 // enough for a curve, and few beside the training of a small data set

  /** Settings that a comparison decides, and what decides them. */
  private val Decided = Map(
    "iterations" -> "the budget",
    "epochs" -> "the budget",
    "eval-every" -> "the key evaluations",
    "out" -> "the comparison's own directory",
    "resume" -> "the comparison, which goes on by itself"
  )

  private val mapper = new ObjectMapper()
    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
    .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)

  /** @throws FiresteelException of kind config, with the file and the place in it */
  def read(path: Path): Matrix = parse(text(path), path.toString, name => path.resolveSibling(name))

  /** @param source the file, for messages
    * @param beside the path of a configuration file that is named in it
    */
  def parse(text: String, source: String, beside: String => Path): Matrix = {
    val file = objectOf(text, source)
    refuseUnknown(source, "the file", file, Keys)
    val simulated = file.has("simulate")
    val known = Schema.settings.map(_.key) ++ (if (simulated) SimulatedTraining.Keys else Nil)
    val cluster = section(source, file, "simulate")
    refuseUnknown(source, "simulate", cluster, SimulatedTraining.Keys)
    def settings(place: String, node: ObjectNode) = checked(source, place, node, known)
    val base = settings("base", section(source, file, "base")).setAll[ObjectNode](cluster)
    // a list before it is mapped: Java's set keeps the order of the file, and a set of Scala's made of it would not
    val axes = section(source, file, "axes").properties.asScala.toSeq.map { axis =>
      Axis(axis.getKey, values(source, axis.getKey, axis.getValue, beside)(settings))
    }
    val keys = axes.map(_.key)
    def where(place: String, node: JsonNode) = node match {
      case labels: ObjectNode =>
        refuseUnknown(source, place, labels, keys ++ known)
        labels
      case other => fail(source, s"$place: $other is no object of labels")
    }
    Matrix(
      source,
      Option(file.get("name")).fold("comparison")(_.asText),
      simulated,
      base,
      axes,
      list(source, file, "exclude").map(where("exclude", _)),
      list(source, file, "override").map { change =>
        val set = change.path("set") match {
          case set: ObjectNode => settings("override set", set)
          case _               => fail(source, s"override: $change has no object set")
        }
        Override(where("override where", change.path("where")), set)
      },
      budget(source, section(source, file, "budget"), simulated),
      whole(source, file, "evaluations").fold(Evaluations)(_.toInt),
      goal(source, file)
    )
  }

  private def values(source: String, key: String, node: JsonNode, beside: String => Path)(
      settings: (String, ObjectNode) => ObjectNode
  ): Seq[AxisValue] = {
    val place = s"axes.$key"
    if (!node.isArray || node.isEmpty) fail(source, s"$place: $node is no list of values")
    val read = node.elements.asScala.map {
      case named: ObjectNode =>
        refuseUnknown(source, place, named, ValueKeys)
        if (!named.path("name").isTextual) fail(source, s"$place: $named has no name")
        val config = Option(named.get("config")).map(name => configuration(beside(name.asText)))
        val set = section(source, named, "set")
        val all = config.getOrElse(Json.mapper.createObjectNode()).setAll[ObjectNode](set)
        AxisValue(named.get("name").asText, settings(s"$place ${named.get("name").asText}", all))
      case scalar =>
        val one = Json.mapper.createObjectNode()
        one.set[JsonNode](key, scalar)
        AxisValue(scalar.asText, settings("axes", one))
    }.toSeq
    for (twice <- read.map(_.label).diff(read.map(_.label).distinct).headOption)
      fail(source, s"$place: $twice stands twice")
    read
  }

  /** The settings in a configuration file, without what the comparison decides. */
  private def configuration(path: Path): ObjectNode = {
    val file = objectOf(text(path), path.toString)
    file.remove(Decided.keys.toSeq.asJava)
    file
  }

  private def budget(source: String, node: ObjectNode, simulated: Boolean): Budget = {
    refuseUnknown(source, "budget", node, Budgets)
    Budgets.flatMap(key => positive(source, node, key).map(key -> _)) match {
      case Seq(("samples", _))       => Budget.Samples(whole(source, node, "samples").get)
      case Seq(("seconds", seconds)) =>
        if (simulated)
          fail(
            source,
            "budget: a simulated run ends after samples or iterations; the report compares at equal virtual seconds, too"
          )
        Budget.Seconds(seconds)
      case Seq(("iterations", _)) => Budget.Iterations(whole(source, node, "iterations").get)
      case _                      => fail(source, s"budget: say one of ${Budgets.mkString(", ")}")
    }
  }

  private def positive(source: String, node: ObjectNode, key: String): Option[Double] = Option(node.get(key)).map {
    case value if value.isNumber && value.asDouble > 0 => value.asDouble
    case other                                         => fail(source, s"$key: $other is no number above 0")
  }

  private def goal(source: String, file: ObjectNode): Option[Double] = positive(source, file, "goal").map { accuracy =>
    if (accuracy > 1) fail(source, s"goal: $accuracy is above 1; an accuracy is a fraction, as 0.7 for 70 %")
    accuracy
  }

  private def whole(source: String, node: ObjectNode, key: String): Option[Long] = Option(node.get(key)).map {
    case value if value.isIntegralNumber && value.canConvertToInt && value.asInt > 0 => value.asLong
    case other => fail(source, s"$key: $other is no whole number from 1 to ${Int.MaxValue}")
  }

  /** `node` with known keys only, and none that the comparison decides. */
  private def checked(source: String, place: String, node: ObjectNode, known: Seq[String]): ObjectNode = {
    refuseUnknown(source, place, node, known)
    for (key <- node.fieldNames.asScala; decides <- Decided.get(key))
      fail(source, s"$place: $key is decided by $decides; leave it out")
    node
  }

  private def refuseUnknown(source: String, place: String, node: ObjectNode, known: Seq[String]): Unit =
    for (key <- node.fieldNames.asScala if !known.contains(key)) {
      val near = Schema.nearest(key, known).fold("")(near => s": did you mean '$near'?")
      fail(source, s"$place: unknown key '$key'$near")
    }

  private def section(source: String, file: ObjectNode, key: String): ObjectNode = file.path(key) match {
    case section: ObjectNode              => section
    case missing if missing.isMissingNode => Json.mapper.createObjectNode()
    case other                            => fail(source, s"$key: $other is no object")
  }

  private def list(source: String, file: ObjectNode, key: String): Seq[JsonNode] = file.path(key) match {
    case list if list.isArray || list.isMissingNode => list.elements.asScala.toSeq
    case other                                      => fail(source, s"$key: $other is no list")
  }

  private def text(path: Path): String =
    try Files.readString(path)
    catch { case e: IOException => throw new FiresteelException(Kind.CONFIG, s"read $path", e) }

  private def objectOf(text: String, source: String): ObjectNode =
    try
      mapper.readTree(text) match {
        case file: ObjectNode => file
        case _                => fail(source, "not a JSON object")
      }
    catch {
      case e: JsonProcessingException =>
        val at = Option(e.getLocation).fold("")(at => s"line ${at.getLineNr}, column ${at.getColumnNr}: ")
        fail(source, s"$at${Failure.sentence(e.getOriginalMessage)}")
    }

  private[compare] def fail(source: String, message: String): Nothing =
    throw new FiresteelException(Kind.CONFIG, s"$source: $message")
}
