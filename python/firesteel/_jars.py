"""The jars of this package, and whether a Spark session has them."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, Callable

from pyspark.sql import SparkSession
from pyspark.sql.utils import is_remote

__version__: str = version("firesteel")

_PACKAGE = "io.firesteel.ml"
_CLASS = f"{_PACKAGE}.CnnClassifier"
_VERSION = "io/firesteel/jni/version.properties"  # in the jar
_SCALA = "2.13"
_JAVA = 17


def jars() -> list[str]:
    """The paths of the jars that Spark needs, for its setting `spark.jars`.

    Raises `FileNotFoundError` for a package without jars, as a checkout has it before `scripts/build`.
    """
    directory = Path(__file__).resolve().parent / "jars"
    found = sorted(str(path) for path in directory.glob("*.jar"))
    if not found:
        raise FileNotFoundError(f"there are no jars in {directory}: install the wheel that scripts/build makes")
    return found


def _remedy() -> str:
    return f'start Spark with these jars, as by SparkSession.builder.config("spark.jars", "{",".join(jars())}")'


def require_jars() -> None:
    """Raises `RuntimeError`, which says what to do, unless the active session can run this version of Firesteel."""
    if is_remote():
        return  # the first fit asks the server
    session = SparkSession.getActiveSession()
    if session is None:
        raise RuntimeError(f"there is no active Spark session: {_remedy()}")
    jvm = session.sparkContext._jvm
    _require_versions(session.version, jvm.scala.util.Properties.versionNumberString(), jvm.java.lang.System.getProperty("java.version"))
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    found = list(jvm.java.util.Collections.list(loader.getResources(_VERSION)))
    if not found:
        raise RuntimeError(f"this Spark session has no {_CLASS}: {_remedy()}; a session that runs already takes no jars")
    versions = {str(place): _version_in(jvm, place) for place in found}
    if set(versions.values()) != {__version__}:
        listed = ", ".join(f"{number} in {place.removeprefix('jar:').partition('!')[0]}" for place, number in versions.items())
        raise RuntimeError(f"this is firesteel {__version__} for Python, and Spark has {listed}: {_remedy()}")


def require_remote_jars(session: SparkSession, ask: Callable[[], Any]) -> None:
    """Raises `RuntimeError`, which says what to do, unless `ask` gets an answer from the classes of the session's server."""
    try:
        ask()
    except Exception as e:
        if _PACKAGE not in str(e):
            raise
        paths = ", ".join(f'"{jar}"' for jar in jars())
        raise RuntimeError(
            f"the server of this Spark Connect session (Spark {session.version}) has no Firesteel: start it with --jars "
            f"{','.join(jars())}, or add them to the session by spark.addArtifacts({paths})"
        ) from e


def _require_versions(spark: str, scala: str, java: str) -> None:
    number = tuple(int(part) for part in re.findall(r"\d+", spark)[:3])
    if number < (3, 5) or number[:3] == (4, 0, 0):
        why = "whose Params of other libraries are broken (SPARK-52259)" if number >= (3, 5) else "which is too old"
        raise RuntimeError(f"this is Spark {spark}, {why}: Firesteel needs Spark 3.5, 4.0.1 or newer")
    if not scala.startswith(f"{_SCALA}."):
        raise RuntimeError(f"this Spark {spark} is built for Scala {scala}: Firesteel needs one for Scala {_SCALA}")
    if int(re.match(r"(?:1\.)?(\d+)", java)[1]) < _JAVA:  # 1.8.0_402, 17.0.2, 25-ea
        raise RuntimeError(f"Spark runs on Java {java}: Firesteel needs Java {_JAVA} or newer; set JAVA_HOME")


def _version_in(jvm, place) -> str:
    properties = jvm.java.util.Properties()
    stream = place.openStream()
    try:
        properties.load(stream)
    finally:
        stream.close()
    return str(properties.getProperty("version"))
