"""The events of a fit, which the JVM keeps while it goes on and for a while after it."""

from __future__ import annotations

import json
from typing import Any

from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.wrapper import JavaTransformer
from pyspark.sql import SparkSession


class _FitEvents(JavaTransformer):
    """`io.firesteel.ml.FitEvents`: a transformer, because Spark Connect can ask for one while a fit goes on."""

    fit: Param[str] = Param(Params._dummy(), "fit", "fitId of the fit", typeConverter=TypeConverters.toString)
    since: Param[int] = Param(Params._dummy(), "since", "number of the first event that is wanted", typeConverter=TypeConverters.toInt)
    stop: Param[bool] = Param(Params._dummy(), "stop", "whether the fit is to end", typeConverter=TypeConverters.toBoolean)

    def __init__(self, fit: str, since: int, stop: bool) -> None:
        super().__init__()
        self._java_obj = self._new_java_obj("io.firesteel.ml.FitEvents", self.uid)
        self._set(fit=fit, since=since, stop=stop)


def events_of(session: SparkSession, fit: str, since: int = 0, stop: bool = False) -> list[tuple[int, dict[str, Any]]]:
    """The events of a fit from the number `since` on, each with its number: objects as of `metrics.jsonl`.

    With `stop` the fit is asked to end, as a listener ends it: with the weights of its last round.
    """
    rows = _FitEvents(fit, since, stop).transform(session.range(0)).collect()
    return [(row.number, json.loads(row.event)) for row in rows]
