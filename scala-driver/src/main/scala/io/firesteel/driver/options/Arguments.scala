// Parses the command line with picocli, whose model is made from the commands and their tables of settings. The result
// is one JSON object of settings; options of the command line override those of the file that --config names.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{BooleanNode, ObjectNode}
import io.firesteel.FiresteelException
import io.firesteel.driver.console.Failure
import io.firesteel.jni.Kind
import org.apache.commons.text.similarity.LevenshteinDistance
import picocli.CommandLine
import picocli.CommandLine.Model.{CommandSpec, ISetter, OptionSpec, UsageMessageSpec}
import picocli.CommandLine.{ITypeConverter, ParameterException, TypeConversionException, UnmatchedArgumentException}

import java.nio.file.Path
import scala.jdk.CollectionConverters._

/** A command of the driver: its name, a one-line description, and its settings. */
final case class Command(name: String, summary: String, settings: Seq[Setting])

/** What a command line asks for. */
sealed trait Invocation

object Invocation {

  /** Run `command` with these settings. */
  final case class Run(command: String, settings: ObjectNode) extends Invocation

  /** Print help or version, and exit. */
  final case class Print(text: String) extends Invocation
}

/** Reads command lines for these commands; `version` is what --version prints. */
final class Arguments(commands: Seq[Command], version: => String) {

  /** @throws FiresteelException of kind config for a command line or configuration file that is wrong */
  def parse(args: Seq[String]): Invocation = {
    val said = JsonSettings.empty
    val line = new CommandLine(root(said))
    line.setExpandAtFiles(false)
    line.setOverwrittenOptionsAllowed(true) // the last of a repeated option wins, as it does for spark-submit's own
    CommandLine.tracer().setLevel(CommandLine.TraceLevel.OFF) // and picocli has nothing to warn of
    val parsed =
      try line.parseArgs(args: _*)
      catch { case e: ParameterException => throw new FiresteelException(Kind.CONFIG, explain(e)) }
    val last = parsed.asCommandLineList.asScala.last
    if (last.isUsageHelpRequested) Invocation.Print(last.getUsageMessage.stripTrailing)
    else if (last.isVersionHelpRequested) Invocation.Print(version)
    else if (!parsed.hasSubcommand) throw new FiresteelException(Kind.CONFIG, s"no command given: $known")
    else {
      val command = commands.find(_.name == parsed.subcommand.commandSpec.name).get
      Invocation.Run(command.name, merged(last, command, said))
    }
  }

  private def merged(line: CommandLine, command: Command, said: ObjectNode): ObjectNode = {
    val chosen = JsonSettings.empty // in the table's order
    for (setting <- command.settings; value <- Option(said.get(setting.key))) chosen.set[JsonNode](setting.key, value)
    Option(line.getParseResult.matchedOptionValue[Path]("--config", null)) match {
      case Some(path) =>
        JsonSettings.merge(ConfigFile.read(path, command.settings, nearest(command.settings, _)), chosen)
      case None => chosen
    }
  }

  /** All commands. Parsing writes the values of their options into `said`, in the order of the command line. */
  private def root(said: ObjectNode): CommandSpec = {
    val spec = CommandSpec.create().name("firesteel").addOption(help)
    spec.addOption(OptionSpec.builder("--version").versionHelp(true).description("print the versions and exit").build())
    usage(spec, "train convolutional networks inside Spark executors")
      .synopsisHeading("usage: ")
      .customSynopsis("firesteel COMMAND [OPTIONS]")
      .commandListHeading("%ncommands:%n")
    commands.foreach(command => spec.addSubcommand(command.name, subcommand(command, said)))
    spec
  }

  private def subcommand(command: Command, said: ObjectNode): CommandSpec = {
    val spec = CommandSpec.create().name(command.name).addOption(help)
    usage(spec, command.summary).synopsisHeading("usage: ").customSynopsis(s"firesteel ${command.name} [OPTIONS]")
    spec.addOption(
      OptionSpec
        .builder("--config")
        .paramLabel("FILE")
        .`type`(classOf[Path])
        .description("JSON object of any of the options below; the command line wins")
        .build()
    )
    command.settings.flatMap(options(_, said)).foreach(spec.addOption)
    spec
  }

  private def usage(spec: CommandSpec, summary: String): UsageMessageSpec =
    spec
      .usageMessage()
      .description(summary)
      .optionListHeading("%noptions:%n")
      .sortOptions(false)
      .autoWidth(true)
      .abbreviateSynopsis(true)

  private def help: OptionSpec =
    OptionSpec.builder("--help", "-h").usageHelp(true).description("print this and exit").build()

  /** A setting's option; for a switch also its opposite, `--no-KEY`. Both write the setting into `said`. */
  private def options(setting: Setting, said: ObjectNode): Seq[OptionSpec] = {
    val spec = OptionSpec.builder("--" + setting.key).description(setting.help)
    val convert: ITypeConverter[JsonNode] = text =>
      setting.kind.parse(text).getOrElse(throw new TypeConversionException(s"'$text' is not ${setting.kind.noun}"))
    def valued(arity: String) =
      spec.`type`(classOf[JsonNode]).arity(arity).converters(convert).setter(new Saying[JsonNode](identity))
    def flag(spec: OptionSpec.Builder, value: JsonNode): OptionSpec =
      spec.`type`(classOf[Boolean]).arity("0").setter(new Saying[Boolean](_ => value)).build()

    /** Called with each value of an option, in the order of the command line, and with null before the first. */
    final class Saying[A](value: A => JsonNode) extends ISetter {
      def set[B](latest: B): B = {
        if (latest != null) said.set[JsonNode](setting.key, value(latest.asInstanceOf[A]))
        latest
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

  /** The known key that is most similar to an unknown one, if it is similar enough; by the same measure as the engine.
    */
  private def nearest(settings: Seq[Setting], key: String): Option[String] = {
    val distance = LevenshteinDistance.getDefaultInstance
    settings
      .map(_.key)
      .minByOption(distance(key.toLowerCase, _).intValue)
      .filter(near => distance(key.toLowerCase, near) <= 1 + key.length / 3)
  }

  private def known: String = s"the commands are ${commands.map(_.name).mkString(", ")}"

  private def explain(error: ParameterException): String = error match {
    case e: UnmatchedArgumentException =>
      val what = e.getUnmatched.asScala.head
      val top = e.getCommandLine.getParent == null
      if (top && !what.startsWith("-")) s"unknown command '$what': $known"
      else if (!what.startsWith("-")) s"'$what' belongs to no option"
      else {
        val settings = commands.filter(_.name == e.getCommandLine.getCommandName).flatMap(_.settings)
        val key = what.stripPrefix("--").takeWhile(_ != '=')
        s"unknown option '$what'" + nearest(settings, key).fold("")(near => s": did you mean --$near?")
      }
    case e => Failure.sentence(e.getMessage)
  }
}
