// The command line: commands and their tables of settings become picocli's model, the arguments one JSON object.
// A file given by --config is laid under the options, so the command line wins.
package io.firesteel.driver

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{BooleanNode, ObjectNode}
import io.firesteel.jni.Kind
import io.firesteel.train.FiresteelException
import org.apache.commons.text.similarity.LevenshteinDistance
import picocli.CommandLine
import picocli.CommandLine.Model.{CommandSpec, OptionSpec, UsageMessageSpec}
import picocli.CommandLine.{ITypeConverter, ParameterException, TypeConversionException, UnmatchedArgumentException}

import java.lang.{Boolean => JBoolean}
import java.nio.file.Path
import scala.jdk.CollectionConverters._

/** A command of the driver: its name, one line about it, and the settings it takes. */
final case class Command(name: String, summary: String, settings: Seq[Setting])

/** What a command line asks for. */
sealed trait Invocation

object Invocation {

  /** Run `command` with these settings: the command line's laid over the configuration file's. */
  final case class Run(command: String, settings: ObjectNode) extends Invocation

  /** Print this and leave: help or version. */
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
    val chosen = Layers.empty
    for (setting <- command.settings if options.hasMatchedOption("--" + setting.key))
      chosen.set[JsonNode](
        setting.key,
        setting.kind match {
          case ValueKind.Flag   => BooleanNode.TRUE
          case ValueKind.Switch => BooleanNode.valueOf(options.matchedOptionValue[JBoolean]("--" + setting.key, null))
          case _                => options.matchedOptionValue[JsonNode]("--" + setting.key, null)
        }
      )
    Option(options.matchedOptionValue[Path]("--config", null)) match {
      case Some(path) => Layers.over(ConfigFile.read(path, command.settings, nearest(command.settings, _)), chosen)
      case None       => chosen
    }
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
    command.settings.foreach(setting => spec.addOption(option(setting)))
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

  private def option(setting: Setting): OptionSpec = {
    val spec = OptionSpec.builder("--" + setting.key).description(setting.help)
    setting.kind match {
      case ValueKind.Flag   => spec.`type`(classOf[Boolean]).arity("0").build()
      case ValueKind.Switch =>
        val switch = spec.`type`(classOf[JBoolean]).arity("0..1").paramLabel("true|false")
        switch.negatable(true).fallbackValue("true").build()
      case kind =>
        val convert: ITypeConverter[JsonNode] = text =>
          kind.parse(text).getOrElse(throw new TypeConversionException(s"'$text' is not ${kind.noun}"))
        spec.`type`(classOf[JsonNode]).arity("1").paramLabel(setting.metavar).converters(convert).build()
    }
  }

  /** The known key nearest to one that is none, if it is near enough to be meant: the engine's own measure. */
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
