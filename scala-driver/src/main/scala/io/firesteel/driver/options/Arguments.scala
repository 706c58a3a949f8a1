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
import picocli.CommandLine.Model.{CommandSpec, OptionSpec, UsageMessageSpec}
import picocli.CommandLine.{ITypeConverter, ParameterException, TypeConversionException, UnmatchedArgumentException}

import java.nio.file.Path
import java.util.Locale
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
    val line = new CommandLine(root)
    line.setExpandAtFiles(false)
    val parsed =
      try line.parseArgs(args: _*)
      catch { case e: ParameterException => throw new FiresteelException(Kind.CONFIG, explain(e)) }
    val last = parsed.asCommandLineList.asScala.last
    if (last.isUsageHelpRequested) Invocation.Print(last.getUsageMessage.stripTrailing)
    else if (last.isVersionHelpRequested) Invocation.Print(version)
    else if (!parsed.hasSubcommand) throw new FiresteelException(Kind.CONFIG, s"no command given: $known")
    else {
      val command = commands.find(_.name == parsed.subcommand.commandSpec.name).get
      Invocation.Run(command.name, merged(last, command))
    }
  }

  private def merged(line: CommandLine, command: Command): ObjectNode = {
    val options = line.getParseResult
    val chosen = JsonSettings.empty
    for (setting <- command.settings; value <- said(setting, options)) chosen.set[JsonNode](setting.key, value)
    Option(options.matchedOptionValue[Path]("--config", null)) match {
      case Some(path) =>
        JsonSettings.merge(ConfigFile.read(path, command.settings, nearest(command.settings, _)), chosen)
      case None => chosen
    }
  }

  /** The value of a setting on the command line, if it is there. */
  private def said(setting: Setting, options: CommandLine.ParseResult): Option[JsonNode] = {
    val (name, opposite) = (s"--${setting.key}", s"--no-${setting.key}")
    val denied = setting.kind == ValueKind.Switch && options.hasMatchedOption(opposite)
    if (denied && options.hasMatchedOption(name))
      throw new FiresteelException(Kind.CONFIG, s"$name and $opposite exclude each other")
    else if (denied) Some(BooleanNode.FALSE)
    else
      Option.when(options.hasMatchedOption(name))(setting.kind match {
        case ValueKind.Flag => BooleanNode.TRUE
        case _              => options.matchedOptionValue[JsonNode](name, null)
      })
  }

  private def root: CommandSpec = {
    val spec = CommandSpec.create().name("firesteel").addOption(help)
    spec.addOption(OptionSpec.builder("--version").versionHelp(true).description("print the versions and exit").build())
    usage(spec, "train convolutional networks inside Spark executors")
      .synopsisHeading("usage: ")
      .customSynopsis("firesteel COMMAND [OPTIONS]")
      .commandListHeading("%ncommands:%n")
    commands.foreach(command => spec.addSubcommand(command.name, subcommand(command)))
    spec
  }

  private def subcommand(command: Command): CommandSpec = {
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
    command.settings.flatMap(options).foreach(spec.addOption)
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

  /** A setting's option; for a switch also its opposite, `--no-KEY`. */
  private def options(setting: Setting): Seq[OptionSpec] = {
    val spec = OptionSpec.builder("--" + setting.key).description(setting.help)
    val convert: ITypeConverter[JsonNode] = text =>
      setting.kind.parse(text).getOrElse(throw new TypeConversionException(s"'$text' is not ${setting.kind.noun}"))
    def valued(arity: String) = spec.`type`(classOf[JsonNode]).arity(arity).converters(convert)
    setting.kind match {
      case ValueKind.Flag   => Seq(flag(spec))
      case ValueKind.Switch =>
        val no = OptionSpec.builder("--no-" + setting.key).description(s"the opposite of --${setting.key}")
        Seq(valued("0..1").paramLabel("true|false").fallbackValue("true").build(), flag(no))
      case _ => Seq(valued("1").paramLabel(setting.metavar).build())
    }
  }

  private def flag(spec: OptionSpec.Builder): OptionSpec = spec.`type`(classOf[Boolean]).arity("0").build()

  /** The known key that is most similar to an unknown one, if it is similar enough; by the same measure as the engine.
    */
  private def nearest(settings: Seq[Setting], key: String): Option[String] = {
    val (distance, asked) = (LevenshteinDistance.getDefaultInstance, key.toLowerCase(Locale.ROOT))
    settings
      .map(_.key)
      .minByOption(distance(asked, _).intValue)
      .filter(near => distance(asked, near) <= 1 + key.length / 3)
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
