// The settings of a run as Params of Spark ML.
// Made from the table of settings by SettingParamsTest with UPDATE_EXPECT=1, and not to be edited.
package io.firesteel.ml

import org.apache.spark.ml.param._

private[ml] trait SettingParams extends TableParams {

  /** normalisation of pixels: mean-image (default), channel or none (raw 0..255). @group param */
  final val normalize: Param[String] = text("normalize")
  final def getNormalize: String = $(normalize)

  /** random augmentation of the training images, separated by commas: flip or alternating-flip, crop:N, crop-reflect:N
    * or translate:N, cutout:N (default: none). @group param
    */
  final val augment: Param[String] = text("augment")
  final def getAugment: String = $(augment)

  /** side of the images in memory: those of another size are cut to a square around the centre and resized when they
    * are loaded (default: 32; for image files the size that the net was published for, 32 or 224). @group param
    */
  final val size: IntParam = whole("size")
  final def getSize: Int = $(size)

  /** side to which the images of a minibatch are enlarged, for nets designed for larger ones (default: not enlarged).
    * @group param
    */
  final val resize: IntParam = whole("resize")
  final def getResize: Int = $(resize)

  /** the net: cifar10_quick (default), cifar10_full, cifar10_128, nin, resnet20, resnet32, resnet56, vgg11, vgg13,
    * vgg16, vgg19, airbench_32_64_64, airbench_64_128_128, alexnet, resnet18, resnet34, resnet50 or mobilenet_v2.
    * @group param
    */
  final val net: Param[String] = text("net")
  final def getNet: String = $(net)

  /** fraction of the target that is spread over all classes (default: 0). @group param */
  final val labelSmoothing: DoubleParam = real("label-smoothing")
  final def getLabelSmoothing: Double = $(labelSmoothing)

  /** precision of convolutions and linear layers: f32 (default), bf16 or auto. @group param */
  final val precision: Param[String] = text("precision")
  final def getPrecision: String = $(precision)

  /** what workers compute on: auto (default), cpu or cuda. @group param */
  final val device: Param[String] = text("device")
  final def getDevice: String = $(device)

  /** threads of one worker (default: 1). @group param */
  final val threads: IntParam = whole("threads")
  final def getThreads: Int = $(threads)

  /** seed of initial weights, partitioning, order and augmentation (default: 0). @group param */
  final val seed: LongParam = long("seed")
  final def getSeed: Long = $(seed)

  /** minibatches of each worker from which the running statistics of the final weights are computed (default: they are
    * averaged). @group param
    */
  final val updateBn: IntParam = whole("update-bn")
  final def getUpdateBn: Int = $(updateBn)

  /** average the logits of an image and of its mirror image in evaluations. @group param */
  final val testFlip: BooleanParam = flag("test-flip")
  final def getTestFlip: Boolean = $(testFlip)

  /** images of a minibatch of one worker (default: the net's recipe). @group param */
  final val batch: IntParam = whole("batch")
  final def getBatch: Int = $(batch)

  /** local steps of each worker (default: the net's recipe, divided among the workers). @group param */
  final val iterations: IntParam = whole("iterations")
  final def getIterations: Int = $(iterations)

  /** passes over the whole training set, all workers together; instead of iterations. @group param */
  final val epochs: DoubleParam = real("epochs")
  final def getEpochs: Double = $(epochs)

  /** the solver: sgd (default), nesterov (both as in Caffe), adam, adamw or muon. @group param */
  final val solver: Param[String] = text("solver")
  final def getSolver: String = $(solver)

  /** base learning rate (default: the net's recipe). @group param */
  final val lr: DoubleParam = real("lr")
  final def getLr: Double = $(lr)

  /** multiply the learning rates by the number of workers (linear) or by its root (sqrt): none (default), linear or
    * sqrt. @group param
    */
  final val lrScale: Param[String] = text("lr-scale")
  final def getLrScale: String = $(lrScale)

  /** momentum, or Adam's beta1 (default: the net's recipe). @group param */
  final val momentum: DoubleParam = real("momentum")
  final def getMomentum: Double = $(momentum)

  /** weight decay (default: the net's recipe). @group param */
  final val weightDecay: DoubleParam = real("weight-decay")
  final def getWeightDecay: Double = $(weightDecay)

  /** learning-rate policy: fixed, step, multistep, inv, exp, poly, cosine or triangular (default: the net's recipe,
    * which is multistep). @group param
    */
  final val lrPolicy: Param[String] = text("lr-policy")
  final def getLrPolicy: String = $(lrPolicy)

  /** Caffe's gamma: factor of a drop of the learning rate, for step, multistep, inv and exp. @group param */
  final val gamma: DoubleParam = real("gamma")
  final def getGamma: Double = $(gamma)

  /** Caffe's power, for inv and poly. @group param */
  final val power: DoubleParam = real("power")
  final def getPower: Double = $(power)

  /** local steps between two drops of the learning rate, for step. @group param */
  final val stepsize: IntParam = whole("stepsize")
  final def getStepsize: Int = $(stepsize)

  /** local steps at which the learning rate drops, for multistep (default: the net's recipe). @group param */
  final val stepvalue: IntArrayParam = wholes("stepvalue")
  final def getStepvalue: Array[Int] = $(stepvalue)

  /** fraction of lr in the first step, for triangular (default: 0.2). @group param */
  final val lrStart: DoubleParam = real("lr-start")
  final def getLrStart: Double = $(lrStart)

  /** fraction of the run after which the rate is lr, for triangular (default: 0.23). @group param */
  final val lrPeak: DoubleParam = real("lr-peak")
  final def getLrPeak: Double = $(lrPeak)

  /** fraction of lr in the last step, for triangular (default: 0.07). @group param */
  final val lrEnd: DoubleParam = real("lr-end")
  final def getLrEnd: Double = $(lrEnd)

  /** local steps in which the rate rises linearly to the policy's, for all policies except triangular (default: none;
    * with lrScale a twentieth of the run). @group param
    */
  final val warmUp: IntParam = whole("warm-up")
  final def getWarmUp: Int = $(warmUp)

  /** Adam's beta2 (default: 0.999). @group param */
  final val momentum2: DoubleParam = real("momentum2")
  final def getMomentum2: Double = $(momentum2)

  /** Adam's epsilon (default: 1e-8). @group param */
  final val delta: DoubleParam = real("delta")
  final def getDelta: Double = $(delta)

  /** learning rate of the filters that Muon updates; lr is that of all other weights (default: 0.02). @group param */
  final val muonLr: DoubleParam = real("muon-lr")
  final def getMuonLr: Double = $(muonLr)

  /** apply weight decay to the weights directly instead of adding it to the gradient, for sgd and nesterov. @group
    * param
    */
  final val decoupledDecay: BooleanParam = flag("decoupled-decay")
  final def getDecoupledDecay: Boolean = $(decoupledDecay)

  /** upper limit on the L2 norm of the whole gradient (default: no limit). @group param */
  final val clipGradients: DoubleParam = real("clip-gradients")
  final def getClipGradients: Double = $(clipGradients)

  /** local steps between two updates of Lookahead's slow weights (default: no Lookahead). @group param */
  final val lookaheadEvery: IntParam = whole("lookahead-every")
  final def getLookaheadEvery: Int = $(lookaheadEvery)

  /** fraction of the distance that the slow weights move in an update (default: 0.5). @group param */
  final val lookaheadAlpha: DoubleParam = real("lookahead-alpha")
  final def getLookaheadAlpha: Double = $(lookaheadAlpha)

  /** sparknet (default): rounds of local steps, then averaging; sequential: one worker; easgd: elastic averaging in
    * rounds; deepspark, easgd-async, eamsgd, downpour, adag, dynsgd, dcasgd or async-nesterov: each worker exchanges as
    * soon as it is ready; hogwild: threads without locks. @group param
    */
  final val strategy: Param[String] = text("strategy")
  final def getStrategy: String = $(strategy)

  /** number of workers (default: one for each task slot of Spark). @group param */
  final val workers: IntParam = whole("workers")
  final def getWorkers: Int = $(workers)

  /** local steps of a round, that is between two exchanges (default: 10). @group param */
  final val tau: IntParam = whole("tau")
  final def getTau: Int = $(tau)

  /** which workers wait for which others: async, ssp, bsp or rounds (default: the strategy's; of sparknet, what the
    * cluster allows). @group param
    */
  final val consistency: Param[String] = text("consistency")
  final def getConsistency: String = $(consistency)

  /** exchanges that a worker may be ahead of the slowest one, for ssp (default: 4). @group param */
  final val staleness: IntParam = whole("staleness")
  final def getStaleness: Int = $(staleness)

  /** solver's state between rounds: local (default): kept by the worker; average: averaged with the weights; reset: set
    * to zero. @group param
    */
  final val solverState: Param[String] = text("solver-state")
  final def getSolverState: String = $(solverState)

  /** constant (default): an exchange every tau steps; adaptive: less often as the loss falls; post-local: see
    * postLocalStep; qsr: less often as the learning rate falls, see qsrAlpha. @group param
    */
  final val period: Param[String] = text("period")
  final def getPeriod: String = $(period)

  /** for post-local: exchange after every local step until this one, then every tau steps. @group param */
  final val postLocalStep: IntParam = whole("post-local-step")
  final def getPostLocalStep: Int = $(postLocalStep)

  /** for qsr: exchange every (X / learning rate)^2 local steps, but at least tau. @group param */
  final val qsrAlpha: DoubleParam = real("qsr-alpha")
  final def getQsrAlpha: Double = $(qsrAlpha)

  /** fraction of the difference to the center that an elastic exchange subtracts from the worker, 0 to 1 (default: 0.1
    * for deepspark, 0.9 / workers for easgd, easgd-async and eamsgd). @group param
    */
  final val alpha: DoubleParam = real("alpha")
  final def getAlpha: Double = $(alpha)

  /** fraction of the difference that an elastic exchange adds to the center (default: alpha). @group param */
  final val serverAlpha: DoubleParam = real("server-alpha")
  final def getServerAlpha: Double = $(serverAlpha)

  /** factor on alpha and serverAlpha after every alphaEvery exchanges (default: none). @group param */
  final val alphaDecay: DoubleParam = real("alpha-decay")
  final def getAlphaDecay: Double = $(alphaDecay)

  /** exchanges of one worker between two such decays. @group param */
  final val alphaEvery: IntParam = whole("alpha-every")
  final def getAlphaEvery: Int = $(alphaEvery)

  /** learning rate of Adagrad on the center, for downpour (default: no Adagrad). @group param */
  final val adagradLr: DoubleParam = real("adagrad-lr")
  final def getAdagradLr: Double = $(adagradLr)

  /** strength of the delay compensation of dcasgd (default: 0.04). @group param */
  final val lambda: DoubleParam = real("lambda")
  final def getLambda: Double = $(lambda)

  /** outer optimiser of sparknet: none (default), nesterov, slowmo or bmuf. @group param */
  final val outer: Param[String] = text("outer")
  final def getOuter: String = $(outer)

  /** learning rate of the outer optimiser or of async-nesterov (default: the published one). @group param */
  final val outerLr: DoubleParam = real("outer-lr")
  final def getOuterLr: Double = $(outerLr)

  /** momentum of the outer optimiser or of async-nesterov (default: the published one). @group param */
  final val outerMomentum: DoubleParam = real("outer-momentum")
  final def getOuterMomentum: Double = $(outerMomentum)

  /** continue local steps during an exchange. @group param */
  final val overlap: BooleanParam = flag("overlap")
  final def getOverlap: Boolean = $(overlap)

  /** encoding of exchanged values: f32 (default), bf16 or int8. @group param */
  final val codec: Param[String] = text("codec")
  final def getCodec: String = $(codec)

  /** ranges of the center that are exchanged in parallel (default: 1). @group param */
  final val shards: IntParam = whole("shards")
  final def getShards: Int = $(shards)

  /** executors that host a part of the center each (default: 0, the driver hosts it). @group param */
  final val exchangers: IntParam = whole("exchangers")
  final def getExchangers: Int = $(exchangers)

  /** encrypt exchanges (default: if Spark encrypts its own traffic). @group param */
  final val tls: BooleanParam = flag("tls")
  final def getTls: Boolean = $(tls)

  /** where the exchanger listens (default: the host of Spark's driver, any free port). @group param */
  final val bind: Param[String] = text("bind")
  final def getBind: String = $(bind)

  /** where workers reach the exchanger (default: the host of Spark's driver). @group param */
  final val advertise: Param[String] = text("advertise")
  final def getAdvertise: String = $(advertise)

  /** time after which an exchange without a reply has failed (default: 60). @group param */
  final val exchangeDeadline: IntParam = whole("exchange-deadline")
  final def getExchangeDeadline: Int = $(exchangeDeadline)

  /** time for which workers wait for others before the run fails (default: 600). @group param */
  final val exchangeWait: IntParam = whole("exchange-wait")
  final def getExchangeWait: Int = $(exchangeWait)

  /** rounds between two evaluations (default: 50); the last round is always evaluated. @group param */
  final val evalEvery: IntParam = whole("eval-every")
  final def getEvalEvery: Int = $(evalEvery)

  /** evaluations in a row without a higher accuracy after which the run ends (default: never). @group param */
  final val patience: IntParam = whole("patience")
  final def getPatience: Int = $(patience)

  /** the model has the weights of the evaluation with the highest accuracy instead of the last ones. @group param */
  final val restoreBestWeights: BooleanParam = flag("restore-best-weights")
  final def getRestoreBestWeights: Boolean = $(restoreBestWeights)
}
