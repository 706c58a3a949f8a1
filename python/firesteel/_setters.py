"""The methods that set the settings of a run.

Made from the table of settings by tests/test_settings.py with UPDATE_EXPECT=1, and not to be edited.
"""

from __future__ import annotations

from firesteel._settings import SettingParams


class SettingSetters(SettingParams):
    """Sets each setting; `explainParams()` tells what they are."""

    def setNormalize(self, value: str):
        return self._set(**{"normalize": value})

    def setAugment(self, value: str):
        return self._set(**{"augment": value})

    def setSize(self, value: int):
        return self._set(**{"size": value})

    def setResize(self, value: int):
        return self._set(**{"resize": value})

    def setNet(self, value: str):
        return self._set(**{"net": value})

    def setLabelSmoothing(self, value: float):
        return self._set(**{"labelSmoothing": value})

    def setPrecision(self, value: str):
        return self._set(**{"precision": value})

    def setDevice(self, value: str):
        return self._set(**{"device": value})

    def setThreads(self, value: int):
        return self._set(**{"threads": value})

    def setSeed(self, value: int):
        return self._set(**{"seed": value})

    def setUpdateBn(self, value: int):
        return self._set(**{"updateBn": value})

    def setTestFlip(self, value: bool):
        return self._set(**{"testFlip": value})

    def setBatch(self, value: int):
        return self._set(**{"batch": value})

    def setIterations(self, value: int):
        return self._set(**{"iterations": value})

    def setEpochs(self, value: float):
        return self._set(**{"epochs": value})

    def setSolver(self, value: str):
        return self._set(**{"solver": value})

    def setLr(self, value: float):
        return self._set(**{"lr": value})

    def setLrScale(self, value: str):
        return self._set(**{"lrScale": value})

    def setMomentum(self, value: float):
        return self._set(**{"momentum": value})

    def setWeightDecay(self, value: float):
        return self._set(**{"weightDecay": value})

    def setLrPolicy(self, value: str):
        return self._set(**{"lrPolicy": value})

    def setGamma(self, value: float):
        return self._set(**{"gamma": value})

    def setPower(self, value: float):
        return self._set(**{"power": value})

    def setStepsize(self, value: int):
        return self._set(**{"stepsize": value})

    def setStepvalue(self, value: list[int]):
        return self._set(**{"stepvalue": value})

    def setLrStart(self, value: float):
        return self._set(**{"lrStart": value})

    def setLrPeak(self, value: float):
        return self._set(**{"lrPeak": value})

    def setLrEnd(self, value: float):
        return self._set(**{"lrEnd": value})

    def setWarmUp(self, value: int):
        return self._set(**{"warmUp": value})

    def setMomentum2(self, value: float):
        return self._set(**{"momentum2": value})

    def setDelta(self, value: float):
        return self._set(**{"delta": value})

    def setMuonLr(self, value: float):
        return self._set(**{"muonLr": value})

    def setDecoupledDecay(self, value: bool):
        return self._set(**{"decoupledDecay": value})

    def setClipGradients(self, value: float):
        return self._set(**{"clipGradients": value})

    def setLookaheadEvery(self, value: int):
        return self._set(**{"lookaheadEvery": value})

    def setLookaheadAlpha(self, value: float):
        return self._set(**{"lookaheadAlpha": value})

    def setStrategy(self, value: str):
        return self._set(**{"strategy": value})

    def setWorkers(self, value: int):
        return self._set(**{"workers": value})

    def setTau(self, value: int):
        return self._set(**{"tau": value})

    def setConsistency(self, value: str):
        return self._set(**{"consistency": value})

    def setStaleness(self, value: int):
        return self._set(**{"staleness": value})

    def setSolverState(self, value: str):
        return self._set(**{"solverState": value})

    def setPeriod(self, value: str):
        return self._set(**{"period": value})

    def setPostLocalStep(self, value: int):
        return self._set(**{"postLocalStep": value})

    def setQsrAlpha(self, value: float):
        return self._set(**{"qsrAlpha": value})

    def setAlpha(self, value: float):
        return self._set(**{"alpha": value})

    def setServerAlpha(self, value: float):
        return self._set(**{"serverAlpha": value})

    def setAlphaDecay(self, value: float):
        return self._set(**{"alphaDecay": value})

    def setAlphaEvery(self, value: int):
        return self._set(**{"alphaEvery": value})

    def setAdagradLr(self, value: float):
        return self._set(**{"adagradLr": value})

    def setLambda(self, value: float):
        return self._set(**{"lambda": value})

    def setOuter(self, value: str):
        return self._set(**{"outer": value})

    def setOuterLr(self, value: float):
        return self._set(**{"outerLr": value})

    def setOuterMomentum(self, value: float):
        return self._set(**{"outerMomentum": value})

    def setOverlap(self, value: bool):
        return self._set(**{"overlap": value})

    def setCodec(self, value: str):
        return self._set(**{"codec": value})

    def setShards(self, value: int):
        return self._set(**{"shards": value})

    def setExchangers(self, value: int):
        return self._set(**{"exchangers": value})

    def setTls(self, value: bool):
        return self._set(**{"tls": value})

    def setBind(self, value: str):
        return self._set(**{"bind": value})

    def setAdvertise(self, value: str):
        return self._set(**{"advertise": value})

    def setExchangeDeadline(self, value: int):
        return self._set(**{"exchangeDeadline": value})

    def setExchangeWait(self, value: int):
        return self._set(**{"exchangeWait": value})

    def setEvalEvery(self, value: int):
        return self._set(**{"evalEvery": value})

    def setPatience(self, value: int):
        return self._set(**{"patience": value})

    def setRestoreBestWeights(self, value: bool):
        return self._set(**{"restoreBestWeights": value})
