//! The table of settings, the only place where one is written down: its type, its default, the word for its value in
//! the help text, its limits, who reads it, and the help text itself, which is its documentation. The configuration, the
//! options of both programs and the schema are made from it. Each setting belongs to one group; the groups and their
//! settings are in the order of the help text.

use super::choices::{BadImagesPolicy, CodecName, Consistency, LrScale, OuterName, Period, SolverState, Strategy};
use super::limits::{ABOVE_0, ABOVE_0_BELOW_1, ABOVE_0_UP_TO_1, ANY, AT_LEAST_0, BELOW_1, UP_TO_1, pixels, whole};
use super::limits::{MOST, MOST_CLASSES, MOST_PARTS, MOST_PIXELS, MOST_SECONDS, MOST_SEED, MOST_THREADS};
use super::readers::{ADAM, ALL, ASYNCHRONOUS, COUPLED_DECAY, DCASGD, DOWNPOUR, ELASTIC, IN_STAGE, MUON, NORMALISED};
use super::readers::{GAMMA, MULTISTEP, NOT_TRIANGULAR, OUTER, POST_LOCAL, POWER, PULLING, QSR, RESIZABLE, SPARKNET};
use super::readers::{STEP, TRIANGULAR};
use super::settings::settings;
use crate::data::{Augment, DatasetKind, Normalize};
use crate::device::{DeviceName, PrecisionName};
use crate::nets::NetName;
use crate::solver::{PolicyName, SolverName};

/// The settings that most runs need: those that `--help` shows before the groups.
pub const COMMON: [&str; 15] = [
    "data",
    "out",
    "net",
    "size",
    "strategy",
    "workers",
    "tau",
    "batch",
    "iterations",
    "epochs",
    "lr",
    "solver",
    "seed",
    "eval-every",
    "resume",
];

settings! {
    Data {
        /// directory of the data set: local path or Hadoop URI
        data: Option<String> = None, "DIR", ANY, ALL;
        /// kind of the data set: cifar10, cifar100, idx or images, which are class folders of JPEG and PNG files (default:
        /// detected from the files)
        dataset: Option<DatasetKind> = None, "NAME", ANY, ALL;
        /// number of classes (default: those of the data set)
        classes: Option<usize> = None, "N", whole(2, MOST_CLASSES), ALL;
        /// normalisation of pixels: mean-image (default), channel or none (raw 0..255)
        normalize: Normalize = Normalize::MeanImage, "NAME", ANY, ALL;
        /// random augmentation of the training images, separated by commas: flip or alternating-flip, crop:N,
        /// crop-reflect:N or translate:N, cutout:N (default: none)
        augment: Augment = Augment::default(), "LIST", ANY, ALL;
        /// side of the images in memory: those of another size are cut to a square around the centre and resized when they
        /// are loaded (default: 32; for image files the size that the net was published for, 32 or 224)
        size: Option<usize> = None, "PIXELS", pixels(1, MOST_PIXELS), ALL;
        /// side to which the images of a minibatch are enlarged, for nets designed for larger ones (default: not enlarged)
        resize: Option<usize> = None, "PIXELS", pixels(1, MOST_PIXELS), RESIZABLE;
        /// fraction of the training images that is kept for evaluations, if class folders have no validation folder
        /// (default: none)
        validation: Option<f64> = None, "FRACTION", ABOVE_0_BELOW_1, ALL;
        /// what happens if a file is no image: fail (default) or drop, which leaves it out
        bad_images: BadImagesPolicy = BadImagesPolicy::Fail, "NAME", ANY, ALL;
    }
    Net {
        /// the net: cifar10_quick (default), cifar10_full, cifar10_128, nin, resnet20, resnet32, resnet56, vgg11,
        /// vgg13, vgg16, vgg19, airbench_32_64_64, airbench_64_128_128, alexnet, resnet18, resnet34, resnet50 or
        /// mobilenet_v2
        net: NetName = NetName::Cifar10Quick, "NAME", ANY, ALL;
        /// fraction of the target that is spread over all classes (default: 0)
        label_smoothing: Option<f64> = None, "X", BELOW_1, ALL;
        /// precision of convolutions and linear layers: f32 (default), bf16 or auto
        precision: PrecisionName = PrecisionName::F32, "NAME", ANY, ALL;
        /// what workers compute on: auto (default), cpu or cuda
        device: DeviceName = DeviceName::Auto, "NAME", ANY, ALL;
        /// threads of one worker (default: 1)
        threads: usize = 1, "N", whole(1, MOST_THREADS), ALL;
        /// seed of initial weights, partitioning, order and augmentation (default: 0)
        seed: u64 = 0, "N", whole(0, MOST_SEED), ALL;
        /// minibatches of each worker from which the running statistics of the final weights are computed (default:
        /// they are averaged)
        update_bn: Option<u64> = None, "N", whole(1, MOST), NORMALISED;
        /// average the logits of an image and of its mirror image in evaluations
        test_flip: bool = false, "", ANY, ALL;
    }
    Solver {
        /// images of a minibatch of one worker (default: the net's recipe)
        batch: Option<usize> = None, "N", whole(1, MOST), ALL;
        /// local steps of each worker (default: the net's recipe, divided among the workers)
        iterations: Option<u64> = None, "N", whole(1, MOST), ALL;
        /// passes over the whole training set, all workers together; instead of --iterations
        epochs: Option<f64> = None, "E", ABOVE_0, ALL;
        /// the solver: sgd (default), nesterov (both as in Caffe), adam, adamw or muon
        solver: SolverName = SolverName::Sgd, "NAME", ANY, ALL;
        /// base learning rate (default: the net's recipe)
        lr: Option<f64> = None, "X", ABOVE_0, ALL;
        /// multiply the learning rates by the number of workers (linear) or by its root (sqrt): none (default), linear or
        /// sqrt
        lr_scale: LrScale = LrScale::None, "NAME", ANY, ALL;
        /// momentum, or Adam's beta1 (default: the net's recipe)
        momentum: Option<f64> = None, "X", BELOW_1, ALL;
        /// weight decay (default: the net's recipe)
        weight_decay: Option<f64> = None, "X", AT_LEAST_0, ALL;
        /// learning-rate policy: fixed, step, multistep, inv, exp, poly, cosine or triangular (default: the net's
        /// recipe, which is multistep)
        lr_policy: Option<PolicyName> = None, "NAME", ANY, ALL;
        /// Caffe's gamma: factor of a drop of the learning rate, for step, multistep, inv and exp
        gamma: Option<f64> = None, "X", ABOVE_0, GAMMA;
        /// Caffe's power, for inv and poly
        power: Option<f64> = None, "X", ABOVE_0, POWER;
        /// local steps between two drops of the learning rate, for step
        stepsize: Option<u64> = None, "N", whole(1, MOST), STEP;
        /// local steps at which the learning rate drops, for multistep (default: the net's recipe)
        stepvalue: Option<Vec<u64>> = None, "N,N,..", whole(0, MOST), MULTISTEP;
        /// fraction of --lr in the first step, for triangular (default: 0.2)
        lr_start: Option<f64> = None, "X", AT_LEAST_0, TRIANGULAR;
        /// fraction of the run after which the rate is --lr, for triangular (default: 0.23)
        lr_peak: Option<f64> = None, "X", BELOW_1, TRIANGULAR;
        /// fraction of --lr in the last step, for triangular (default: 0.07)
        lr_end: Option<f64> = None, "X", AT_LEAST_0, TRIANGULAR;
        /// local steps in which the rate rises linearly to the policy's, for all policies except triangular (default:
        /// none; with --lr-scale a twentieth of the run)
        warm_up: Option<u64> = None, "N", whole(1, MOST), NOT_TRIANGULAR;
        /// Adam's beta2 (default: 0.999)
        momentum2: Option<f64> = None, "X", BELOW_1, ADAM;
        /// Adam's epsilon (default: 1e-8)
        delta: Option<f64> = None, "X", ABOVE_0, ADAM;
        /// learning rate of the filters that Muon updates; --lr is that of all other weights (default: 0.02)
        muon_lr: Option<f64> = None, "X", ABOVE_0, MUON;
        /// apply weight decay to the weights directly instead of adding it to the gradient, for sgd and nesterov
        decoupled_decay: bool = false, "", ANY, COUPLED_DECAY;
        /// upper limit on the L2 norm of the whole gradient (default: no limit)
        clip_gradients: Option<f64> = None, "X", ABOVE_0, ALL;
        /// local steps between two updates of Lookahead's slow weights (default: no Lookahead)
        lookahead_every: Option<u64> = None, "N", whole(1, MOST), ALL;
        /// fraction of the distance that the slow weights move in an update (default: 0.5)
        lookahead_alpha: Option<f64> = None, "X", ABOVE_0_UP_TO_1, ALL;
    }
    Distribution {
        /// sparknet (default): rounds of local steps, then averaging; sequential: one worker; easgd: elastic averaging
        /// in rounds; deepspark, easgd-async, eamsgd, downpour, adag, dynsgd, dcasgd or async-nesterov: each worker
        /// exchanges as soon as it is ready; hogwild: threads without locks
        strategy: Strategy = Strategy::Sparknet, "NAME", ANY, ALL;
        /// number of workers (default: one for each task slot of Spark)
        workers: Option<usize> = None, "K", whole(1, MOST), ALL;
        /// local steps of a round, that is between two exchanges (default: 10)
        // SparkNet's; below 5 a Spark job takes longer than the steps
        tau: u64 = 10, "N", whole(1, MOST), ALL;
        /// which workers wait for which others: async, ssp, bsp or rounds (default: the strategy's; of sparknet, what
        /// the cluster allows)
        consistency: Option<Consistency> = None, "NAME", ANY, ALL;
        /// exchanges that a worker may be ahead of the slowest one, for ssp (default: 4)
        staleness: Option<u64> = None, "N", whole(0, MOST), ALL;
        /// solver's state between rounds: local (default): kept by the worker; average: averaged with the weights;
        /// reset: set to zero
        solver_state: SolverState = SolverState::Local, "NAME", ANY, ALL;
        /// constant (default): an exchange every --tau steps; adaptive: less often as the loss falls; post-local: see
        /// --post-local-step; qsr: less often as the learning rate falls, see --qsr-alpha
        period: Period = Period::Constant, "NAME", ANY, ALL;
        /// for post-local: exchange after every local step until this one, then every --tau steps
        post_local_step: Option<u64> = None, "N", whole(1, MOST), POST_LOCAL;
        /// for qsr: exchange every (X / learning rate)^2 local steps, but at least --tau
        qsr_alpha: Option<f64> = None, "X", ABOVE_0, QSR;
        /// fraction of the difference to the center that an elastic exchange subtracts from the worker, 0 to 1
        /// (default: 0.1 for deepspark, 0.9 / workers for easgd, easgd-async and eamsgd)
        alpha: Option<f64> = None, "X", UP_TO_1, PULLING;
        /// fraction of the difference that an elastic exchange adds to the center (default: --alpha)
        server_alpha: Option<f64> = None, "X", UP_TO_1, ELASTIC;
        /// factor on --alpha and --server-alpha after every --alpha-every exchanges (default: none)
        alpha_decay: Option<f64> = None, "X", ABOVE_0_UP_TO_1, ELASTIC;
        /// exchanges of one worker between two such decays
        alpha_every: Option<u64> = None, "N", whole(1, MOST), ELASTIC;
        /// learning rate of Adagrad on the center, for downpour (default: no Adagrad)
        adagrad_lr: Option<f64> = None, "X", ABOVE_0, DOWNPOUR;
        /// strength of the delay compensation of dcasgd (default: 0.04)
        lambda: Option<f64> = None, "X", AT_LEAST_0, DCASGD;
        /// outer optimiser of sparknet: none (default), nesterov, slowmo or bmuf
        outer: OuterName = OuterName::None, "NAME", ANY, SPARKNET;
        /// learning rate of the outer optimiser or of async-nesterov (default: the published one)
        outer_lr: Option<f64> = None, "X", ABOVE_0, OUTER;
        /// momentum of the outer optimiser or of async-nesterov (default: the published one)
        outer_momentum: Option<f64> = None, "X", BELOW_1, OUTER;
        /// continue local steps during an exchange
        overlap: bool = false, "", ANY, ASYNCHRONOUS;
    }
    Exchange {
        /// encoding of exchanged values: f32 (default), bf16 or int8
        codec: CodecName = CodecName::F32, "NAME", ANY, IN_STAGE;
        /// ranges of the center that are exchanged in parallel (default: 1)
        shards: usize = 1, "N", whole(1, MOST_PARTS), IN_STAGE;
        /// executors that host a part of the center each (default: 0, the driver hosts it)
        exchangers: usize = 0, "N", whole(0, MOST_PARTS), IN_STAGE;
        /// encrypt exchanges (default: if Spark encrypts its own traffic)
        tls: Option<bool> = None, "", ANY, IN_STAGE;
        /// where the exchanger listens (default: the host of Spark's driver, any free port)
        bind: Option<String> = None, "HOST:PORT", ANY, IN_STAGE;
        /// where workers reach the exchanger (default: the host of Spark's driver)
        advertise: Option<String> = None, "HOST", ANY, IN_STAGE;
        /// time after which an exchange without a reply has failed (default: 60)
        exchange_deadline: u64 = 60, "SECONDS", whole(1, MOST_SECONDS), IN_STAGE;
        /// time for which workers wait for others before the run fails (default: 600)
        // longer than a replacement of a lost executor takes to start and to load its rows
        exchange_wait: u64 = 600, "SECONDS", whole(1, MOST_SECONDS), IN_STAGE;
    }
    Output {
        /// output directory: local path or Hadoop URI
        out: Option<String> = None, "DIR", ANY, ALL;
        /// rounds between two evaluations (default: 50); the last round is always evaluated
        eval_every: u64 = 50, "ROUNDS", whole(1, MOST), ALL;
        /// evaluations in a row without a higher accuracy after which the run ends (default: never)
        patience: Option<u64> = None, "N", whole(1, MOST), ALL;
        /// the model has the weights of the evaluation with the highest accuracy instead of the last ones
        restore_best_weights: bool = false, "", ANY, ALL;
        /// continue the run in the output directory from its checkpoint
        resume: bool = false, "", ANY, ALL;
    }
}
