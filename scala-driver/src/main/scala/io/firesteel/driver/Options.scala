// The settings of a run, one row each: the command line, configuration files and --help are all made from this table.
// Names and meaning are the engine's (rust-core/engine/src/config.rs), which also owns defaults and validation;
// a test holds the names of both sides equal.
package io.firesteel.driver

/** One setting: `key` is the JSON key and, with two dashes, the option; `metavar` and `help` are what --help shows. */
final case class Setting(key: String, kind: ValueKind, metavar: String, help: String)

object Options {
  import ValueKind._

  private val data = Setting("data", Text, "DIR", "directory of the data set: local path or Hadoop URI")
  private val dataset = Setting("dataset", Text, "NAME", "cifar10, cifar100 or idx; told from the files when absent")
  private val workers = Setting("workers", Whole, "K", "number of workers (default: Spark's default parallelism)")
  private val batch = Setting("batch", Whole, "N", "rows of a minibatch (default: the net's recipe)")
  private val threads = Setting("threads", Whole, "N", "threads of one worker (default: 1)")

  /** Every key of a training configuration, in the order --help shows them. */
  val train: Seq[Setting] = Seq(
    data,
    dataset,
    Setting("classes", Whole, "N", "number of classes (default: the data set's)"),
    Setting("net", Text, "NAME", "cifar10_quick (default), cifar10_full or cifar10_128"),
    Setting("strategy", Text, "NAME", "sparknet (default) or sequential"),
    workers,
    Setting("tau", Whole, "N", "local steps of a round, that is between two averagings (default: 10)"),
    batch,
    Setting(
      "iterations",
      Whole,
      "N",
      "local steps of each worker (default: the net's recipe, shared among the workers)"
    ),
    Setting("epochs", Real, "E", "passes over the whole training set, all workers together; excludes --iterations"),
    Setting("lr", Real, "X", "learning rate at the start (default: the net's recipe)"),
    Setting("momentum", Real, "X", "momentum (default: the net's recipe)"),
    Setting("weight-decay", Real, "X", "weight decay (default: the net's recipe)"),
    Setting("lr-policy", Text, "NAME", "fixed, step, multistep, inv, exp or poly (default: the net's recipe)"),
    Setting("gamma", Real, "X", "Caffe's gamma: factor of a drop of the learning rate"),
    Setting("power", Real, "X", "Caffe's power, for inv and poly"),
    Setting("stepsize", Whole, "N", "local steps between two drops, for step"),
    Setting("stepvalue", Wholes, "N,N,..", "local steps at which the learning rate drops, for multistep"),
    Setting("solver-state", Text, "NAME", "momentum between rounds: local (default), average or reset"),
    Setting("outer", Text, "NAME", "outer optimiser on the averaged weights: none (default)"),
    Setting("normalize", Text, "NAME", "mean-image (default), channel or none (raw 0..255)"),
    Setting("precision", Text, "NAME", "f32 (default), bf16 or auto"),
    threads,
    Setting("seed", Whole, "N", "seed of everything random (default: 0)"),
    Setting(
      "eval-every",
      Whole,
      "ROUNDS",
      "rounds between two evaluations (default: 50); the last is always evaluated"
    ),
    Setting("out", Text, "DIR", "output directory: local path or Hadoop URI"),
    Setting("resume", Flag, "", "continue the run in the output directory from its checkpoint")
  )

  /** The settings of `evaluate`. */
  val evaluate: Seq[Setting] = Seq(
    data,
    Setting("model", Text, "DIR|FILE", "output directory of a training run, or the model.safetensors in one"),
    dataset,
    Setting("split", Text, "NAME", "test (default) or train"),
    workers,
    batch,
    threads,
    Setting("json", Flag, "", "print the result as one JSON object")
  )
}
