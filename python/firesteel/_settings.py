"""The settings of a run as Params of Spark ML.

Made from the table of settings by tests/test_settings.py with UPDATE_EXPECT=1, and not to be edited.
"""

from __future__ import annotations

from typing import Any

from pyspark.ml.param import Param, Params

from firesteel._table import flag, real, text, whole, wholes


class SettingParams(Params):
    """Each setting of a run, and what it is."""

    normalize: Param[str] = text("normalize", "normalisation of pixels: mean-image (default), channel or none (raw 0..255)")
    augment: Param[str] = text(
        "augment",
        "random augmentation of the training images, separated by commas: flip or alternating-flip, crop:N, crop-reflect:N or "
        "translate:N, cutout:N (default: none)",
    )
    size: Param[int] = whole(
        "size",
        "side of the images in memory: those of another size are cut to a square around the centre and resized when they are loaded "
        "(default: 32; for image files the size that the net was published for, 32 or 224)",
    )
    resize: Param[int] = whole(
        "resize",
        "side to which the images of a minibatch are enlarged, for nets designed for larger ones (default: not enlarged)",
    )
    net: Param[str] = text(
        "net",
        "the net: cifar10_quick (default), cifar10_full, cifar10_128, nin, resnet20, resnet32, resnet56, vgg11, vgg13, vgg16, vgg19, "
        "airbench_32_64_64, airbench_64_128_128, alexnet, resnet18, resnet34, resnet50 or mobilenet_v2",
    )
    labelSmoothing: Param[float] = real("labelSmoothing", "fraction of the target that is spread over all classes (default: 0)")
    precision: Param[str] = text("precision", "precision of convolutions and linear layers: f32 (default), bf16 or auto")
    device: Param[str] = text("device", "what workers compute on: auto (default), cpu or cuda")
    threads: Param[int] = whole("threads", "threads of one worker (default: 1)")
    seed: Param[int] = whole("seed", "seed of initial weights, partitioning, order and augmentation (default: 0)")
    updateBn: Param[int] = whole(
        "updateBn",
        "minibatches of each worker from which the running statistics of the final weights are computed (default: they are averaged)",
    )
    testFlip: Param[bool] = flag("testFlip", "average the logits of an image and of its mirror image in evaluations")
    batch: Param[int] = whole("batch", "images of a minibatch of one worker (default: the net's recipe)")
    iterations: Param[int] = whole("iterations", "local steps of each worker (default: the net's recipe, divided among the workers)")
    epochs: Param[float] = real("epochs", "passes over the whole training set, all workers together; instead of iterations")
    solver: Param[str] = text("solver", "the solver: sgd (default), nesterov (both as in Caffe), adam, adamw or muon")
    lr: Param[float] = real("lr", "base learning rate (default: the net's recipe)")
    lrScale: Param[str] = text(
        "lrScale",
        "multiply the learning rates by the number of workers (linear) or by its root (sqrt): none (default), linear or sqrt",
    )
    momentum: Param[float] = real("momentum", "momentum, or Adam's beta1 (default: the net's recipe)")
    weightDecay: Param[float] = real("weightDecay", "weight decay (default: the net's recipe)")
    lrPolicy: Param[str] = text(
        "lrPolicy",
        "learning-rate policy: fixed, step, multistep, inv, exp, poly, cosine or triangular (default: the net's recipe, which is "
        "multistep)",
    )
    gamma: Param[float] = real("gamma", "Caffe's gamma: factor of a drop of the learning rate, for step, multistep, inv and exp")
    power: Param[float] = real("power", "Caffe's power, for inv and poly")
    stepsize: Param[int] = whole("stepsize", "local steps between two drops of the learning rate, for step")
    stepvalue: Param[list[int]] = wholes(
        "stepvalue",
        "local steps at which the learning rate drops, for multistep (default: the net's recipe)",
    )
    lrStart: Param[float] = real("lrStart", "fraction of lr in the first step, for triangular (default: 0.2)")
    lrPeak: Param[float] = real("lrPeak", "fraction of the run after which the rate is lr, for triangular (default: 0.23)")
    lrEnd: Param[float] = real("lrEnd", "fraction of lr in the last step, for triangular (default: 0.07)")
    warmUp: Param[int] = whole(
        "warmUp",
        "local steps in which the rate rises linearly to the policy's, for all policies except triangular (default: none; with lrScale a "
        "twentieth of the run)",
    )
    momentum2: Param[float] = real("momentum2", "Adam's beta2 (default: 0.999)")
    delta: Param[float] = real("delta", "Adam's epsilon (default: 1e-8)")
    muonLr: Param[float] = real("muonLr", "learning rate of the filters that Muon updates; lr is that of all other weights (default: 0.02)")
    decoupledDecay: Param[bool] = flag(
        "decoupledDecay",
        "apply weight decay to the weights directly instead of adding it to the gradient, for sgd and nesterov",
    )
    clipGradients: Param[float] = real("clipGradients", "upper limit on the L2 norm of the whole gradient (default: no limit)")
    lookaheadEvery: Param[int] = whole(
        "lookaheadEvery",
        "local steps between two updates of Lookahead's slow weights (default: no Lookahead)",
    )
    lookaheadAlpha: Param[float] = real("lookaheadAlpha", "fraction of the distance that the slow weights move in an update (default: 0.5)")
    strategy: Param[str] = text(
        "strategy",
        "sparknet (default): rounds of local steps, then averaging; sequential: one worker; easgd: elastic averaging in rounds; "
        "deepspark, easgd-async, eamsgd, downpour, adag, dynsgd, dcasgd or async-nesterov: each worker exchanges as soon as it is ready; "
        "hogwild: threads without locks",
    )
    workers: Param[int] = whole("workers", "number of workers (default: one for each task slot of Spark)")
    tau: Param[int] = whole("tau", "local steps of a round, that is between two exchanges (default: 10)")
    consistency: Param[str] = text(
        "consistency",
        "which workers wait for which others: async, ssp, bsp or rounds (default: the strategy's; of sparknet, what the cluster allows)",
    )
    staleness: Param[int] = whole("staleness", "exchanges that a worker may be ahead of the slowest one, for ssp (default: 4)")
    solverState: Param[str] = text(
        "solverState",
        "solver's state between rounds: local (default): kept by the worker; average: averaged with the weights; reset: set to zero",
    )
    period: Param[str] = text(
        "period",
        "constant (default): an exchange every tau steps; adaptive: less often as the loss falls; post-local: see postLocalStep; qsr: "
        "less often as the learning rate falls, see qsrAlpha",
    )
    postLocalStep: Param[int] = whole(
        "postLocalStep",
        "for post-local: exchange after every local step until this one, then every tau steps",
    )
    qsrAlpha: Param[float] = real("qsrAlpha", "for qsr: exchange every (X / learning rate)^2 local steps, but at least tau")
    alpha: Param[float] = real(
        "alpha",
        "fraction of the difference to the center that an elastic exchange subtracts from the worker, 0 to 1 (default: 0.1 for deepspark,"
        " 0.9 / workers for easgd, easgd-async and eamsgd)",
    )
    serverAlpha: Param[float] = real(
        "serverAlpha",
        "fraction of the difference that an elastic exchange adds to the center (default: alpha)",
    )
    alphaDecay: Param[float] = real("alphaDecay", "factor on alpha and serverAlpha after every alphaEvery exchanges (default: none)")
    alphaEvery: Param[int] = whole("alphaEvery", "exchanges of one worker between two such decays")
    adagradLr: Param[float] = real("adagradLr", "learning rate of Adagrad on the center, for downpour (default: no Adagrad)")
    locals()["lambda"] = real("lambda", "strength of the delay compensation of dcasgd (default: 0.04)")
    outer: Param[str] = text("outer", "outer optimiser of sparknet: none (default), nesterov, slowmo or bmuf")
    outerLr: Param[float] = real("outerLr", "learning rate of the outer optimiser or of async-nesterov (default: the published one)")
    outerMomentum: Param[float] = real("outerMomentum", "momentum of the outer optimiser or of async-nesterov (default: the published one)")
    overlap: Param[bool] = flag("overlap", "continue local steps during an exchange")
    codec: Param[str] = text("codec", "encoding of exchanged values: f32 (default), bf16 or int8")
    shards: Param[int] = whole("shards", "ranges of the center that are exchanged in parallel (default: 1)")
    exchangers: Param[int] = whole("exchangers", "executors that host a part of the center each (default: 0, the driver hosts it)")
    tls: Param[bool] = flag("tls", "encrypt exchanges (default: if Spark encrypts its own traffic)")
    bind: Param[str] = text("bind", "where the exchanger listens (default: the host of Spark's driver, any free port)")
    advertise: Param[str] = text("advertise", "where workers reach the exchanger (default: the host of Spark's driver)")
    exchangeDeadline: Param[int] = whole("exchangeDeadline", "time after which an exchange without a reply has failed (default: 60)")
    exchangeWait: Param[int] = whole("exchangeWait", "time for which workers wait for others before the run fails (default: 600)")
    evalEvery: Param[int] = whole("evalEvery", "rounds between two evaluations (default: 50); the last round is always evaluated")
    patience: Param[int] = whole("patience", "evaluations in a row without a higher accuracy after which the run ends (default: never)")
    restoreBestWeights: Param[bool] = flag(
        "restoreBestWeights",
        "the model has the weights of the evaluation with the highest accuracy instead of the last ones",
    )

    @staticmethod
    def _setting_defaults() -> dict[str, Any]:
        """Those that the table tells, as the classes in the jars have them."""
        return {
            "normalize": 'mean-image',
            "augment": 'none',
            "net": 'cifar10_quick',
            "precision": 'f32',
            "device": 'auto',
            "threads": 1,
            "seed": 0,
            "testFlip": False,
            "solver": 'sgd',
            "lrScale": 'none',
            "decoupledDecay": False,
            "strategy": 'sparknet',
            "tau": 10,
            "solverState": 'local',
            "period": 'constant',
            "outer": 'none',
            "overlap": False,
            "codec": 'f32',
            "shards": 1,
            "exchangers": 0,
            "exchangeDeadline": 60,
            "exchangeWait": 600,
            "evalEvery": 50,
            "restoreBestWeights": False,
        }

    def getNormalize(self) -> str:
        return self.getOrDefault("normalize")

    def getAugment(self) -> str:
        return self.getOrDefault("augment")

    def getSize(self) -> int:
        return self.getOrDefault("size")

    def getResize(self) -> int:
        return self.getOrDefault("resize")

    def getNet(self) -> str:
        return self.getOrDefault("net")

    def getLabelSmoothing(self) -> float:
        return self.getOrDefault("labelSmoothing")

    def getPrecision(self) -> str:
        return self.getOrDefault("precision")

    def getDevice(self) -> str:
        return self.getOrDefault("device")

    def getThreads(self) -> int:
        return self.getOrDefault("threads")

    def getSeed(self) -> int:
        return self.getOrDefault("seed")

    def getUpdateBn(self) -> int:
        return self.getOrDefault("updateBn")

    def getTestFlip(self) -> bool:
        return self.getOrDefault("testFlip")

    def getBatch(self) -> int:
        return self.getOrDefault("batch")

    def getIterations(self) -> int:
        return self.getOrDefault("iterations")

    def getEpochs(self) -> float:
        return self.getOrDefault("epochs")

    def getSolver(self) -> str:
        return self.getOrDefault("solver")

    def getLr(self) -> float:
        return self.getOrDefault("lr")

    def getLrScale(self) -> str:
        return self.getOrDefault("lrScale")

    def getMomentum(self) -> float:
        return self.getOrDefault("momentum")

    def getWeightDecay(self) -> float:
        return self.getOrDefault("weightDecay")

    def getLrPolicy(self) -> str:
        return self.getOrDefault("lrPolicy")

    def getGamma(self) -> float:
        return self.getOrDefault("gamma")

    def getPower(self) -> float:
        return self.getOrDefault("power")

    def getStepsize(self) -> int:
        return self.getOrDefault("stepsize")

    def getStepvalue(self) -> list[int]:
        return self.getOrDefault("stepvalue")

    def getLrStart(self) -> float:
        return self.getOrDefault("lrStart")

    def getLrPeak(self) -> float:
        return self.getOrDefault("lrPeak")

    def getLrEnd(self) -> float:
        return self.getOrDefault("lrEnd")

    def getWarmUp(self) -> int:
        return self.getOrDefault("warmUp")

    def getMomentum2(self) -> float:
        return self.getOrDefault("momentum2")

    def getDelta(self) -> float:
        return self.getOrDefault("delta")

    def getMuonLr(self) -> float:
        return self.getOrDefault("muonLr")

    def getDecoupledDecay(self) -> bool:
        return self.getOrDefault("decoupledDecay")

    def getClipGradients(self) -> float:
        return self.getOrDefault("clipGradients")

    def getLookaheadEvery(self) -> int:
        return self.getOrDefault("lookaheadEvery")

    def getLookaheadAlpha(self) -> float:
        return self.getOrDefault("lookaheadAlpha")

    def getStrategy(self) -> str:
        return self.getOrDefault("strategy")

    def getWorkers(self) -> int:
        return self.getOrDefault("workers")

    def getTau(self) -> int:
        return self.getOrDefault("tau")

    def getConsistency(self) -> str:
        return self.getOrDefault("consistency")

    def getStaleness(self) -> int:
        return self.getOrDefault("staleness")

    def getSolverState(self) -> str:
        return self.getOrDefault("solverState")

    def getPeriod(self) -> str:
        return self.getOrDefault("period")

    def getPostLocalStep(self) -> int:
        return self.getOrDefault("postLocalStep")

    def getQsrAlpha(self) -> float:
        return self.getOrDefault("qsrAlpha")

    def getAlpha(self) -> float:
        return self.getOrDefault("alpha")

    def getServerAlpha(self) -> float:
        return self.getOrDefault("serverAlpha")

    def getAlphaDecay(self) -> float:
        return self.getOrDefault("alphaDecay")

    def getAlphaEvery(self) -> int:
        return self.getOrDefault("alphaEvery")

    def getAdagradLr(self) -> float:
        return self.getOrDefault("adagradLr")

    def getLambda(self) -> float:
        return self.getOrDefault("lambda")

    def getOuter(self) -> str:
        return self.getOrDefault("outer")

    def getOuterLr(self) -> float:
        return self.getOrDefault("outerLr")

    def getOuterMomentum(self) -> float:
        return self.getOrDefault("outerMomentum")

    def getOverlap(self) -> bool:
        return self.getOrDefault("overlap")

    def getCodec(self) -> str:
        return self.getOrDefault("codec")

    def getShards(self) -> int:
        return self.getOrDefault("shards")

    def getExchangers(self) -> int:
        return self.getOrDefault("exchangers")

    def getTls(self) -> bool:
        return self.getOrDefault("tls")

    def getBind(self) -> str:
        return self.getOrDefault("bind")

    def getAdvertise(self) -> str:
        return self.getOrDefault("advertise")

    def getExchangeDeadline(self) -> int:
        return self.getOrDefault("exchangeDeadline")

    def getExchangeWait(self) -> int:
        return self.getOrDefault("exchangeWait")

    def getEvalEvery(self) -> int:
        return self.getOrDefault("evalEvery")

    def getPatience(self) -> int:
        return self.getOrDefault("patience")

    def getRestoreBestWeights(self) -> bool:
        return self.getOrDefault("restoreBestWeights")
