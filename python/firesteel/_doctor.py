"""Examines a cluster before somebody trains on it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import escape
from typing import Any, Optional

from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.wrapper import JavaTransformer
from pyspark.sql import SparkSession
from pyspark.sql.utils import is_remote

from firesteel._events import events_of
from firesteel._jars import require_jars, require_remote_jars


class _ClusterDoctor(JavaTransformer):
    """`io.firesteel.ml.ClusterDoctor`: a transformer, because Spark Connect can ask for one."""

    settings: Param[str] = Param(Params._dummy(), "settings", "JSON object of settings", typeConverter=TypeConverters.toString)

    def __init__(self, settings: str) -> None:
        super().__init__()
        self._java_obj = self._new_java_obj("io.firesteel.ml.ClusterDoctor", self.uid)
        self._set(settings=settings)


@dataclass(frozen=True)
class Diagnosis:
    """What was found: `print` shows `text`, a table with what to do about each problem."""

    text: str
    found: dict[str, Any]
    """The same for programs: findings with subject, place, level (ok, note or problem), value and remedy, and measures."""

    @property
    def ok(self) -> bool:
        """Whether a run can be expected to work."""
        return self.found["ok"]

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.text)}</pre>"


def doctor(session: Optional[SparkSession] = None, **settings: Any) -> Diagnosis:
    """Examines the driver and every executor of the session, the active one unless another is given, in some ten seconds.

    `settings` are those of the run that is to fit, by the names of the Params of `CnnClassifier`: net, batch, workers, threads,
    precision, device, bind and advertise are looked at.
    """
    session = session or SparkSession.getActiveSession()
    require_jars()
    keys = {re.sub("([A-Z])", lambda letter: "-" + letter[1].lower(), name): value for name, value in settings.items()}
    if is_remote():
        require_remote_jars(session, lambda: events_of(session, ""))
    row = _ClusterDoctor(json.dumps(keys)).transform(session.range(0)).first()
    return Diagnosis(row.text, json.loads(row.json))
