"""The Spark that this machine has."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

REMEDY = (
    "set SPARK_HOME to a Spark 3.5 or newer for Scala 2.13, as by `firesteel kernel install --spark-home DIR`, or install one "
    "beside this kernel: pip install 'pyspark[ml]'"
)


class NoSpark(Exception):
    """There is no Spark that can be used; the text says what to do."""


def find_spark() -> Path:
    """The directory of the Spark that SPARK_HOME names, or that is installed as pyspark."""
    named = os.environ.get("SPARK_HOME")
    if named:
        home = Path(named)
        if not (home / "bin" / "spark-submit").is_file():
            raise NoSpark(f"SPARK_HOME is {home}, where there is no bin/spark-submit: {REMEDY}")
        return home
    spec = importlib.util.find_spec("pyspark")
    home = Path(spec.origin).parent if spec and spec.origin else None
    if home is None or not (home / "bin" / "spark-submit").is_file():
        raise NoSpark(f"there is no Spark: SPARK_HOME is not set, and {sys.executable} has no pyspark with a Spark: {REMEDY}")
    return home


def find_jars(home: Path) -> list[str]:
    """Firesteel's jars. A Python that has no pyspark of its own gets that of the Spark in `home`."""
    if importlib.util.find_spec("pyspark") is None:
        libraries = [home / "python", *sorted((home / "python" / "lib").glob("py4j-*.zip"))]
        sys.path += [str(library) for library in libraries]
    try:
        import firesteel
    except ModuleNotFoundError as e:
        raise NoSpark(f"{sys.executable} has no Python package {e.name}, which pyspark needs: pip install {e.name}") from e
    return firesteel.jars()
