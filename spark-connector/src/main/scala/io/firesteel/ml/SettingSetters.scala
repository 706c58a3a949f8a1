// A setter for each setting of a run.
// Made from the table of settings by SettingParamsTest with UPDATE_EXPECT=1, and not to be edited.
package io.firesteel.ml

/** @tparam E the estimator, which each setter returns */
private[ml] trait SettingSetters[E] extends SettingParams {

  /** @group setParam */
  def setNormalize(value: String): E = set(normalize, value).asInstanceOf[E]

  /** @group setParam */
  def setAugment(value: String): E = set(augment, value).asInstanceOf[E]

  /** @group setParam */
  def setSize(value: Int): E = set(size, value).asInstanceOf[E]

  /** @group setParam */
  def setResize(value: Int): E = set(resize, value).asInstanceOf[E]

  /** @group setParam */
  def setNet(value: String): E = set(net, value).asInstanceOf[E]

  /** @group setParam */
  def setLabelSmoothing(value: Double): E = set(labelSmoothing, value).asInstanceOf[E]

  /** @group setParam */
  def setPrecision(value: String): E = set(precision, value).asInstanceOf[E]

  /** @group setParam */
  def setDevice(value: String): E = set(device, value).asInstanceOf[E]

  /** @group setParam */
  def setThreads(value: Int): E = set(threads, value).asInstanceOf[E]

  /** @group setParam */
  def setSeed(value: Long): E = set(seed, value).asInstanceOf[E]

  /** @group setParam */
  def setUpdateBn(value: Int): E = set(updateBn, value).asInstanceOf[E]

  /** @group setParam */
  def setTestFlip(value: Boolean): E = set(testFlip, value).asInstanceOf[E]

  /** @group setParam */
  def setBatch(value: Int): E = set(batch, value).asInstanceOf[E]

  /** @group setParam */
  def setIterations(value: Int): E = set(iterations, value).asInstanceOf[E]

  /** @group setParam */
  def setEpochs(value: Double): E = set(epochs, value).asInstanceOf[E]

  /** @group setParam */
  def setSolver(value: String): E = set(solver, value).asInstanceOf[E]

  /** @group setParam */
  def setLr(value: Double): E = set(lr, value).asInstanceOf[E]

  /** @group setParam */
  def setLrScale(value: String): E = set(lrScale, value).asInstanceOf[E]

  /** @group setParam */
  def setMomentum(value: Double): E = set(momentum, value).asInstanceOf[E]

  /** @group setParam */
  def setWeightDecay(value: Double): E = set(weightDecay, value).asInstanceOf[E]

  /** @group setParam */
  def setLrPolicy(value: String): E = set(lrPolicy, value).asInstanceOf[E]

  /** @group setParam */
  def setGamma(value: Double): E = set(gamma, value).asInstanceOf[E]

  /** @group setParam */
  def setPower(value: Double): E = set(power, value).asInstanceOf[E]

  /** @group setParam */
  def setStepsize(value: Int): E = set(stepsize, value).asInstanceOf[E]

  /** @group setParam */
  def setStepvalue(value: Array[Int]): E = set(stepvalue, value).asInstanceOf[E]

  /** @group setParam */
  def setLrStart(value: Double): E = set(lrStart, value).asInstanceOf[E]

  /** @group setParam */
  def setLrPeak(value: Double): E = set(lrPeak, value).asInstanceOf[E]

  /** @group setParam */
  def setLrEnd(value: Double): E = set(lrEnd, value).asInstanceOf[E]

  /** @group setParam */
  def setWarmUp(value: Int): E = set(warmUp, value).asInstanceOf[E]

  /** @group setParam */
  def setMomentum2(value: Double): E = set(momentum2, value).asInstanceOf[E]

  /** @group setParam */
  def setDelta(value: Double): E = set(delta, value).asInstanceOf[E]

  /** @group setParam */
  def setMuonLr(value: Double): E = set(muonLr, value).asInstanceOf[E]

  /** @group setParam */
  def setDecoupledDecay(value: Boolean): E = set(decoupledDecay, value).asInstanceOf[E]

  /** @group setParam */
  def setClipGradients(value: Double): E = set(clipGradients, value).asInstanceOf[E]

  /** @group setParam */
  def setLookaheadEvery(value: Int): E = set(lookaheadEvery, value).asInstanceOf[E]

  /** @group setParam */
  def setLookaheadAlpha(value: Double): E = set(lookaheadAlpha, value).asInstanceOf[E]

  /** @group setParam */
  def setStrategy(value: String): E = set(strategy, value).asInstanceOf[E]

  /** @group setParam */
  def setWorkers(value: Int): E = set(workers, value).asInstanceOf[E]

  /** @group setParam */
  def setTau(value: Int): E = set(tau, value).asInstanceOf[E]

  /** @group setParam */
  def setConsistency(value: String): E = set(consistency, value).asInstanceOf[E]

  /** @group setParam */
  def setStaleness(value: Int): E = set(staleness, value).asInstanceOf[E]

  /** @group setParam */
  def setSolverState(value: String): E = set(solverState, value).asInstanceOf[E]

  /** @group setParam */
  def setPeriod(value: String): E = set(period, value).asInstanceOf[E]

  /** @group setParam */
  def setPostLocalStep(value: Int): E = set(postLocalStep, value).asInstanceOf[E]

  /** @group setParam */
  def setQsrAlpha(value: Double): E = set(qsrAlpha, value).asInstanceOf[E]

  /** @group setParam */
  def setAlpha(value: Double): E = set(alpha, value).asInstanceOf[E]

  /** @group setParam */
  def setServerAlpha(value: Double): E = set(serverAlpha, value).asInstanceOf[E]

  /** @group setParam */
  def setAlphaDecay(value: Double): E = set(alphaDecay, value).asInstanceOf[E]

  /** @group setParam */
  def setAlphaEvery(value: Int): E = set(alphaEvery, value).asInstanceOf[E]

  /** @group setParam */
  def setAdagradLr(value: Double): E = set(adagradLr, value).asInstanceOf[E]

  /** @group setParam */
  def setLambda(value: Double): E = set(lambda, value).asInstanceOf[E]

  /** @group setParam */
  def setOuter(value: String): E = set(outer, value).asInstanceOf[E]

  /** @group setParam */
  def setOuterLr(value: Double): E = set(outerLr, value).asInstanceOf[E]

  /** @group setParam */
  def setOuterMomentum(value: Double): E = set(outerMomentum, value).asInstanceOf[E]

  /** @group setParam */
  def setOverlap(value: Boolean): E = set(overlap, value).asInstanceOf[E]

  /** @group setParam */
  def setCodec(value: String): E = set(codec, value).asInstanceOf[E]

  /** @group setParam */
  def setShards(value: Int): E = set(shards, value).asInstanceOf[E]

  /** @group setParam */
  def setExchangers(value: Int): E = set(exchangers, value).asInstanceOf[E]

  /** @group setParam */
  def setTls(value: Boolean): E = set(tls, value).asInstanceOf[E]

  /** @group setParam */
  def setBind(value: String): E = set(bind, value).asInstanceOf[E]

  /** @group setParam */
  def setAdvertise(value: String): E = set(advertise, value).asInstanceOf[E]

  /** @group setParam */
  def setExchangeDeadline(value: Int): E = set(exchangeDeadline, value).asInstanceOf[E]

  /** @group setParam */
  def setExchangeWait(value: Int): E = set(exchangeWait, value).asInstanceOf[E]

  /** @group setParam */
  def setEvalEvery(value: Int): E = set(evalEvery, value).asInstanceOf[E]

  /** @group setParam */
  def setPatience(value: Int): E = set(patience, value).asInstanceOf[E]

  /** @group setParam */
  def setRestoreBestWeights(value: Boolean): E = set(restoreBestWeights, value).asInstanceOf[E]
}
