// Parses the command line with picocli, whose model is made from the commands and their tables of settings. The result
// is one JSON object of settings; options of the command line override those of the file that --config names.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import io.firesteel.{Failure, FiresteelException, Schema}
import io.firesteel.jni.Kind
import picocli.CommandLine
import picocli.CommandLine.Model.{CommandSpec, OptionSpec, PositionalParamSpec}
import picocli.CommandLine.{ParameterException, UnmatchedArgumentException}

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
  private val HelpCommand = "help"

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
    val name = last.getCommandName
    def asked(what: String): String = last.getParseResult.matchedOptionValue[String](what, null)
    if (last.isUsageHelpRequested) Invocation.Print(last.getUsageMessage.stripTrailing)
    else if (last.isVersionHelpRequested) Invocation.Print(version)
    else if (!parsed.hasSubcommand) throw new FiresteelException(Kind.CONFIG, s"no command given: $known")
    else if (name == HelpCommand) {
      val group = last.getParseResult.matchedPositionalValue[String](0, null)
      Invocation.Print(if (group == null) line.getUsageMessage.stripTrailing else Help.of(commands.head, group))
    } else {
      val command = commands.find(_.name == name).get
      if (asked("--help") != null) Invocation.Print(Help.of(command, asked("--help")))
      else Invocation.Run(command.name, merged(last, command, said))
    }
  }

  private def merged(line: CommandLine, command: Command, said: ObjectNode): ObjectNode = {
    val chosen = JsonSettings.empty // in the table's order
    for (setting <- command.settings; value <- Option(said.get(setting.key))) chosen.set[JsonNode](setting.key, value)
    Option(line.getParseResult.matchedOptionValue[Path]("--config", null)) match {
      case Some(path) =>
        JsonSettings.merge(ConfigFile.read(path, command.settings), chosen)
      case None => chosen
    }
  }

  /** All commands. Parsing writes the values of their options into `said`, in the order of the command line. */
  private def root(said: ObjectNode): CommandSpec = {
    val spec = CommandSpec.create().name("firesteel")
    spec.addOption(OptionSpec.builder("--help", "-h").usageHelp(true).description("print this and exit").build())
    spec.addOption(OptionSpec.builder("--version").versionHelp(true).description("print the versions and exit").build())
    Help
      .layout(spec, "train convolutional networks inside Spark executors")
      .customSynopsis("firesteel COMMAND [OPTIONS]")
      .commandListHeading("%ncommands:%n")
    commands.foreach(command => spec.addSubcommand(command.name, subcommand(command, said)))
    val help = CommandSpec.create().name(HelpCommand)
    help.usageMessage().description(s"the options of train in a group: ${Help.groups.mkString(", ")}, or all")
    help.addPositional(PositionalParamSpec.builder().paramLabel("GROUP").arity("0..1").`type`(classOf[String]).build())
    spec.addSubcommand(HelpCommand, help)
  }

  private def subcommand(command: Command, said: ObjectNode): CommandSpec = {
    val spec = CommandSpec.create().name(command.name).addOption(Help.option).addOption(OptionSpecs.config)
    spec.usageMessage().description(command.summary)
    command.settings.flatMap(OptionSpecs.of(_, said)).foreach(spec.addOption)
    spec
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
        s"unknown option '$what'" + Schema
          .nearest(key, settings.map(_.key))
          .fold("")(near => s": did you mean --$near?")
      }
    case e => Failure.sentence(e.getMessage)
  }
}
