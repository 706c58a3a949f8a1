// The help texts of commands. A command with many settings shows those that most runs need, and the others by group.
package io.firesteel.driver.options

import io.firesteel.{FiresteelException, Schema}
import io.firesteel.jni.Kind
import picocli.CommandLine
import picocli.CommandLine.Model.{ArgGroupSpec, CommandSpec, OptionSpec, UsageMessageSpec}

private[options] object Help {
  private val All = "all"

  /** The names of the groups. */
  val groups: Seq[String] = Schema.groups.map(_.name)

  /** The option that asks for help, with or without the name of a group. */
  val option: OptionSpec = OptionSpec
    .builder("--help", "-h")
    .paramLabel("GROUP|all")
    .arity("0..1")
    .`type`(classOf[String])
    .fallbackValue("")
    .description("print this, or the options of a group, and exit")
    .build()

  /** The help text of a command.
    *
    * @param what empty, the name of a group, or all
    * @throws FiresteelException of kind config for another `what`
    */
  def of(command: Command, what: String): String = {
    if (!(Seq("", All) ++ groups).contains(what))
      throw new FiresteelException(
        Kind.CONFIG,
        s"no group of options '$what': they are ${groups.mkString(", ")}, or $All"
      )
    val spec = CommandSpec.create().name(command.name)
    val message = layout(spec, command.summary).customSynopsis(s"firesteel ${command.name} [OPTIONS]")
    val shown =
      command.settings.filter(setting => what == All || setting.group == what || what.isEmpty && setting.common)
    if (what.isEmpty) {
      (Seq(option, OptionSpecs.config) ++ shown.flatMap(specs)).foreach(spec.addOption)
      if (shown != command.settings) message.footer(footer(command))
    } else {
      message.optionListHeading("")
      for (group <- Schema.groups; settings = shown.filter(_.group == group.name) if settings.nonEmpty) {
        val heading = s"%n${group.name}: ${group.summary}%n"
        val section = ArgGroupSpec.builder().heading(heading).validate(false)
        settings.flatMap(specs).foreach(section.addArg(_))
        spec.addArgGroup(section.build())
      }
    }
    new CommandLine(spec).getUsageMessage.stripTrailing
  }

  /** How all help texts look. */
  def layout(spec: CommandSpec, summary: String): UsageMessageSpec =
    spec
      .usageMessage()
      .description(summary)
      .synopsisHeading("usage: ")
      .optionListHeading("%noptions:%n")
      .sortOptions(false)
      .autoWidth(true)
      .abbreviateSynopsis(true)

  private def specs(setting: Setting): Seq[OptionSpec] = OptionSpecs.of(setting, JsonSettings.empty)

  private def footer(command: Command): String = {
    val width = groups.map(_.length).max + 2
    val rows = Schema.groups.map(group => s"  ${group.name.padTo(width, ' ')}${group.summary}")
    val heading = s"%nmore options by group, with `firesteel ${command.name} --help=GROUP` or --help=all:"
    (heading +: rows).mkString("%n")
  }
}
