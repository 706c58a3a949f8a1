// The settings of the commands. Those of a run are the table of the engine, which also owns defaults and validation, so
// that `sequential --help` shows the same texts. The command line, configuration files and --help are made from them.
package io.firesteel.driver.options

import io.firesteel.Schema

/** One setting: `key` is the JSON key and, with two dashes, the option; `metavar` and `help` are what --help shows.
  *
  * @param group the name of its group, if the command has many settings
  * @param common whether --help shows it before somebody asks for its group
  */
final case class Setting(
    key: String,
    kind: ValueKind,
    metavar: String,
    help: String,
    group: String = "",
    common: Boolean = true
)

object Options {
  import ValueKind._

  /** Every key of a training configuration, in the order --help shows them. */
  val train: Seq[Setting] = Schema.settings.map { row =>
    Setting(row.key, kind(row.valueType), row.value, row.help, row.group, row.common)
  }

  /** What `train` takes beside them. */
  val tensorboard: Setting =
    Setting(
      "tensorboard",
      Text,
      "DIR",
      "write scalars for TensorBoard into a new file of that directory",
      "output",
      common = false
    )

  private def kind(name: String): ValueKind = name match {
    case "text"   => Text
    case "whole"  => Whole
    case "wholes" => Wholes
    case "real"   => Real
    case "flag"   => Flag
    case "switch" => Switch
  }

  private def of(key: String): Setting = train.find(_.key == key).get.copy(group = "", common = true)

  /** The settings of `compare`. */
  val compare: Seq[Setting] = Seq(
    Setting("matrix", Text, "FILE", "the comparison: axes of settings whose values are combined, and a budget"),
    Setting("out", Text, "DIR", "directory of the report; the results in it are not made again"),
    Setting("parallel", Whole, "N", "runs at once (default: as many as find a task slot for each of their workers)"),
    Setting("plan", Flag, "", "check and list the runs, and run none")
  )

  /** The settings of `predict`. */
  val predict: Seq[Setting] = Seq(
    Setting(
      "data",
      Text,
      "DIR|FILE",
      "the images: JPEG and PNG files at any depth below a directory, one such file, or a directory of CIFAR's or idx files"
    ),
    Setting(
      "model",
      Text,
      "DIR|FILE",
      "output directory of a training run, the model.safetensors in one, or a saved model of Spark ML"
    ),
    Setting(
      "out",
      Text,
      "DIR",
      "directory of the predictions, which Spark makes (default: they are printed to stdout)"
    ),
    Setting("format", Text, "NAME", "json (default), one object a line, or parquet, which needs --out"),
    Setting("probabilities", Flag, "", "tell the probabilities of all classes"),
    of("bad-images"),
    of("dataset"),
    Setting("split", Text, "NAME", "of CIFAR's and idx files test (default) or train")
  )

  /** The settings of `doctor`. */
  val doctor: Seq[Setting] =
    Seq("net", "size", "batch", "workers", "threads", "precision", "device", "bind", "advertise").map(of) :+
      Setting("json", Flag, "", "print the result as one JSON object")

  /** The settings of `evaluate`. */
  val evaluate: Seq[Setting] = Seq(
    of("data"),
    Setting("model", Text, "DIR|FILE", "output directory of a training run, or the model.safetensors in one"),
    of("dataset"),
    Setting("split", Text, "NAME", "test (default) or train"),
    of("workers"),
    of("batch"),
    of("threads"),
    Setting("json", Flag, "", "print the result as one JSON object")
  )
}
