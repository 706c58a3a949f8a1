// The settings of a run. Their names, types and help texts are read from options.json, a resource that belongs to the
// engine (rust-core/engine/src/config), so that `sequential --help` shows the same texts. The engine also owns defaults
// and validation. The command line, configuration files and --help are all made from this table.
package io.firesteel.driver.options

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

import scala.jdk.CollectionConverters._
import scala.util.Using

/** One setting: `key` is the JSON key and, with two dashes, the option; `metavar` and `help` are what --help shows. */
final case class Setting(key: String, kind: ValueKind, metavar: String, help: String)

object Options {
  import ValueKind._

  /** Every key of a training configuration, in the order --help shows them. */
  val train: Seq[Setting] = Seq(
    data,
    dataset,
    Setting("classes", Whole, "N", "number of classes (default: the data set's)"),
    Setting(
      "net",
      Text,
      "NAME",
      "cifar10_quick (default), cifar10_full, cifar10_128, nin, resnet20, resnet32, resnet56, vgg11, vgg13, " +
        "vgg16, vgg19, airbench_32_64_64, airbench_64_128_128, alexnet, resnet18, resnet34, resnet50 or mobilenet_v2"
    ),
    Setting(
      "strategy",
      Text,
      "NAME",
      "sparknet (default) or sequential; easgd; deepspark, easgd-async, eamsgd, downpour, adag, dynsgd, dcasgd or " +
        "async-nesterov: each worker exchanges when it is ready; hogwild: threads without locks"
    ),
    workers,
    Setting("tau", Whole, "N", "local steps of a round, that is between two exchanges (default: 10)"),
    batch,
    Setting(
      "iterations",
      Whole,
      "N",
      "local steps of each worker (default: the net's recipe, shared among the workers)"
    ),
    Setting("epochs", Real, "E", "passes over the whole training set, all workers together; excludes --iterations"),
    Setting("solver", Text, "NAME", "sgd (default, Caffe's), nesterov, adam, adamw or muon"),
    Setting("lr", Real, "X", "learning rate at the start (default: the net's recipe)"),
    Setting("momentum", Real, "X", "momentum, Adam's beta1 (default: the net's recipe)"),
    Setting("momentum2", Real, "X", "Adam's beta2 (default: 0.999)"),
    Setting("delta", Real, "X", "Adam's epsilon (default: 1e-8)"),
    Setting("muon-lr", Real, "X", "learning rate of Muon's filters, the rest steps at --lr (default: 0.02)"),
    Setting("weight-decay", Real, "X", "weight decay (default: the net's recipe)"),
    Setting("decoupled-decay", Flag, "", "decay shrinks the weights apart from the gradient, for sgd and nesterov"),
    Setting("clip-gradients", Real, "X", "the most that the norm of the whole gradient may be (default: any)"),
    Setting("lookahead-every", Whole, "N", "local steps between two moves of Lookahead's slow weights (default: none)"),
    Setting("lookahead-alpha", Real, "X", "part of the way that they go (default: 0.5)"),
    Setting("label-smoothing", Real, "X", "part of a label that is shared among all classes (default: 0)"),
    Setting(
      "lr-policy",
      Text,
      "NAME",
      "fixed, step, multistep, inv, exp, poly, cosine or triangular (default: the net's recipe)"
    ),
    Setting("gamma", Real, "X", "Caffe's gamma: factor of a drop of the learning rate"),
    Setting("power", Real, "X", "Caffe's power, for inv and poly"),
    Setting("stepsize", Whole, "N", "local steps between two drops, for step"),
    Setting("stepvalue", Wholes, "N,N,..", "local steps at which the learning rate drops, for multistep"),
    Setting("lr-start", Real, "X", "part of --lr in the first step, for triangular (default: 0.2)"),
    Setting("lr-peak", Real, "X", "part of the run after which the rate is --lr, for triangular (default: 0.23)"),
    Setting("lr-end", Real, "X", "part of --lr in the last step, for triangular (default: 0.07)"),
    Setting("warm-up", Whole, "N", "local steps in which the rate rises, for all policies but triangular"),
    Setting("solver-state", Text, "NAME", "solver's state between rounds: local (default), average or reset"),
    Setting("consistency", Text, "NAME", "who waits for whom: async, ssp, bsp or rounds (default: the strategy's)"),
    Setting("staleness", Whole, "N", "exchanges that a worker may be ahead of the slowest, for ssp (default: 4)"),
    Setting("period", Text, "NAME", "constant (default), adaptive (by the loss) or post-local"),
    Setting("post-local-step", Whole, "N", "local steps after which --tau holds, for post-local"),
    Setting("alpha", Real, "X", "elastic pull on the worker, 0 to 1 (default: 0.1 for deepspark, else 0.9 / workers)"),
    Setting("server-alpha", Real, "X", "elastic pull on the center (default: --alpha)"),
    Setting("alpha-decay", Real, "X", "factor on both pulls after every --alpha-every exchanges"),
    Setting("alpha-every", Whole, "N", "exchanges of a worker"),
    Setting("adagrad-lr", Real, "X", "learning rate of the center's Adagrad, for downpour (default: none)"),
    Setting("lambda", Real, "X", "strength of dcasgd's compensation of the delay (default: 0.04)"),
    Setting("outer", Text, "NAME", "outer optimiser on the averaged weights: none (default), nesterov, slowmo or bmuf"),
    Setting("outer-lr", Real, "X", "learning rate of the outer optimiser (default: the published one)"),
    Setting("outer-momentum", Real, "X", "momentum of the outer optimiser (default: the published one)"),
    Setting("overlap", Flag, "", "go on stepping while an exchange is under way"),
    Setting("codec", Text, "NAME", "values on the wire: f32 (default), bf16 or int8"),
    Setting("shards", Whole, "N", "ranges of the center that are exchanged side by side (default: 1)"),
    Setting("exchangers", Whole, "N", "executors that host the center, a part each (default: 0, the driver does)"),
    Setting("tls", Switch, "", "encrypt the exchanges (default: if Spark encrypts its own traffic)"),
    Setting("bind", Text, "HOST:PORT", "where the exchanger listens (default: as Spark's driver, any free port)"),
    Setting("advertise", Text, "HOST", "where workers find it (default: as Spark's driver)"),
    Setting("exchange-deadline", Whole, "SECONDS", "an exchange not answered by then has failed (default: 60)"),
    Setting("exchange-wait", Whole, "SECONDS", "workers waited for longer than this are lost (default: 600)"),
    Setting("normalize", Text, "NAME", "mean-image (default), channel or none (raw 0..255)"),
    Setting(
      "augment",
      Text,
      "LIST",
      "random changes of the training images: flip or alternating-flip, crop:N, crop-reflect:N or translate:N, cutout:N"
    ),
    Setting(
      "resize",
      Whole,
      "PIXELS",
      "enlarge images to squares of this side, for nets made for larger ones (default: no)"
    ),
    Setting("precision", Text, "NAME", "f32 (default), bf16 or auto"),
    Setting("device", Text, "NAME", "auto (default), cpu or cuda"),
    threads,
    Setting("seed", Whole, "N", "seed of everything random (default: 0)"),
    Setting(
      "eval-every",
      Whole,
      "ROUNDS",
      "rounds between two evaluations (default: 50); the last is always evaluated"
    ),
    Setting(
      "update-bn",
      Whole,
      "N",
      "minibatches of each worker that the last running statistics come from (default: none)"
    ),
    Setting("test-flip", Flag, "", "evaluate on the mean of an image and its mirror image"),
    Setting("out", Text, "DIR", "output directory: local path or Hadoop URI"),
    Setting("resume", Flag, "", "continue the run in the output directory from its checkpoint")
  )

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
