// picocli's options of settings.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{BooleanNode, ObjectNode}
import picocli.CommandLine.Model.{ISetter, OptionSpec}
import picocli.CommandLine.{ITypeConverter, TypeConversionException}

import java.nio.file.Path

private[options] object OptionSpecs {
  val config: OptionSpec = OptionSpec
    .builder("--config")
    .paramLabel("FILE")
    .`type`(classOf[Path])
    .description("JSON object of any of the options; the command line wins")
    .build()

  /** A setting's option; for a switch also its opposite, `--no-KEY`. Both write the setting into `said`. */
  def of(setting: Setting, said: ObjectNode): Seq[OptionSpec] = {
    val spec = OptionSpec.builder("--" + setting.key).description(setting.help)
    val convert: ITypeConverter[JsonNode] = text =>
      setting.kind.parse(text).getOrElse(throw new TypeConversionException(s"'$text' is not ${setting.kind.noun}"))
    def valued(arity: String) =
      spec.`type`(classOf[JsonNode]).arity(arity).converters(convert).setter(new Saying[JsonNode](identity))
    def flag(spec: OptionSpec.Builder, value: JsonNode): OptionSpec =
      spec.`type`(classOf[Boolean]).arity("0").setter(new Saying[Boolean](_ => value)).build()

    /** Called with each value of an option, in the order of the command line, and with null before the first. */
    final class Saying[A](json: A => JsonNode) extends ISetter {
      def set[B](value: B): B = {
        if (value != null) said.set[JsonNode](setting.key, json(value.asInstanceOf[A]))
        value
      }
    }

    setting.kind match {
      case ValueKind.Flag   => Seq(flag(spec, BooleanNode.TRUE))
      case ValueKind.Switch =>
        val no = OptionSpec.builder("--no-" + setting.key).description(s"the opposite of --${setting.key}")
        Seq(valued("0..1").paramLabel("true|false").fallbackValue("true").build(), flag(no, BooleanNode.FALSE))
      case _ => Seq(valued("1").paramLabel(setting.metavar).build())
    }
  }
}
