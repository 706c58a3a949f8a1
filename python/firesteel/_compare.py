"""Trains every combination of a matrix of settings, and reports which does better."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.wrapper import JavaTransformer
from pyspark.sql import SparkSession
from pyspark.sql.utils import is_remote

from firesteel._events import events_of
from firesteel._follow import interruptibly
from firesteel._jars import require_jars, require_remote_jars


class _MatrixComparison(JavaTransformer):
    """`io.firesteel.ml.MatrixComparison`: a transformer, because Spark Connect can ask for one."""

    matrix: Param[str] = Param(Params._dummy(), "matrix", "the comparison, as JSON", typeConverter=TypeConverters.toString)
    beside: Param[str] = Param(Params._dummy(), "beside", "directory of configuration files", typeConverter=TypeConverters.toString)
    out: Param[str] = Param(Params._dummy(), "out", "directory of the report", typeConverter=TypeConverters.toString)
    parallel: Param[int] = Param(Params._dummy(), "parallel", "runs at once", typeConverter=TypeConverters.toInt)
    stop: Param[bool] = Param(Params._dummy(), "stop", "whether it is to end", typeConverter=TypeConverters.toBoolean)

    def __init__(self, uid: Optional[str] = None, **params: Any) -> None:
        super().__init__()
        self.uid = uid or self.uid
        self._java_obj = self._new_java_obj("io.firesteel.ml.MatrixComparison", self.uid)
        self._set(**params)


@dataclass(frozen=True)
class Comparison:
    """What came of a comparison."""

    out: str
    """Its directory, with `report.html`, `results.jsonl`, tables and plots."""
    results: list[dict[str, Any]]
    """The lines of `results.jsonl`: for each run that has ended its labels, configuration, evaluations and accuracy, or its error."""

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The runs that failed, which the next call tries again."""
        return [result for result in self.results if "error" in result]

    @property
    def report(self) -> str:
        return f"{self.out.rstrip('/')}/report.html"


def compare(
    matrix: Union[dict[str, Any], str, Path], out: str, parallel: Optional[int] = None, session: Optional[SparkSession] = None
) -> Comparison:
    """Runs what has no result in `out` yet, and waits for it: docs/compare.md describes matrices.

    `matrix` is one, or the path of a JSON file; configuration files that it names lie beside that file, or where the driver
    works. With Spark Connect they, the data and `out` are the server's. An interruption leaves the report of what is finished.
    """
    session = session or SparkSession.getActiveSession()
    require_jars()
    if is_remote():
        require_remote_jars(session, lambda: events_of(session, ""))
    asked: dict[str, Any] = {"out": str(out)}
    if isinstance(matrix, dict):
        asked["matrix"] = json.dumps(matrix)
    else:
        asked.update(matrix=Path(matrix).read_text(), beside=str(Path(matrix).resolve().parent))
    if parallel is not None:
        asked["parallel"] = parallel
    stage = _MatrixComparison(**asked)

    def stop() -> None:
        _MatrixComparison(stage.uid, stop=True).transform(session.range(0)).collect()

    rows = interruptibly(session, lambda: stage.transform(session.range(0)).collect(), stop)
    return Comparison(str(out), [json.loads(row.result) for row in rows])
