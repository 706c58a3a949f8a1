"""How a row of the table of settings becomes a Param."""

from __future__ import annotations

from typing import Any, Callable

from pyspark.ml.param import Param, Params, TypeConverters


def text(name: str, doc: str) -> Param[str]:
    return _param(name, doc, TypeConverters.toString)


def whole(name: str, doc: str) -> Param[int]:
    return _param(name, doc, TypeConverters.toInt)


def real(name: str, doc: str) -> Param[float]:
    return _param(name, doc, TypeConverters.toFloat)


def flag(name: str, doc: str) -> Param[bool]:
    return _param(name, doc, TypeConverters.toBoolean)


def wholes(name: str, doc: str) -> Param[list[int]]:
    return _param(name, doc, TypeConverters.toListInt)


def _param(name: str, doc: str, converter: Callable[[Any], Any]) -> Param[Any]:
    return Param(Params._dummy(), name, doc, typeConverter=converter)
