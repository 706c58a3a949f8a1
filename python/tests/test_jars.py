"""What a user is told whose Spark cannot run Firesteel."""

import subprocess
import sys

import pytest

import firesteel
from firesteel._jars import _require_versions

WITHOUT_JARS = """
from pyspark.sql import SparkSession
from firesteel import CnnClassifier
SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
CnnClassifier()
"""


@pytest.mark.parametrize(
    "versions, expected",
    [
        (("3.4.4", "2.13.8", "17.0.1"), "this is Spark 3.4.4, which is too old: Firesteel needs Spark 3.5, 4.0.1 or newer"),
        (("4.0.0", "2.13.16", "17.0.1"), "this is Spark 4.0.0, whose Params of other libraries are broken"),
        (("3.5.6", "2.12.18", "17.0.1"), "this Spark 3.5.6 is built for Scala 2.12.18: Firesteel needs one for Scala 2.13"),
        (("3.5.6", "2.13.8", "11.0.20"), "Spark runs on Java 11.0.20: Firesteel needs Java 17 or newer; set JAVA_HOME"),
        (("3.5.6", "2.13.8", "1.8.0_402"), "Spark runs on Java 1.8.0_402"),
    ],
)
def test_a_spark_that_cannot_be_used_is_told(versions, expected):
    with pytest.raises(RuntimeError) as e:
        _require_versions(*versions)
    assert str(e.value).startswith(expected)


def test_later_versions_are_taken():
    for versions in (("3.5.6", "2.13.8", "17"), ("4.0.1", "2.13.16", "21.0.2"), ("4.2.0-preview1", "2.13.17", "25-ea")):
        _require_versions(*versions)


def test_a_session_without_the_jars_and_no_session_are_told_with_the_line_to_add(remote):
    if remote:
        pytest.skip("of a session in the same process")
    lines = WITHOUT_JARS.splitlines()
    for program, expected in ((WITHOUT_JARS, "has no io.firesteel.ml.CnnClassifier"), ("\n".join([*lines[:3], lines[4]]), "no active Spark session")):
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        last = run.stderr.strip().splitlines()[-1]
        assert run.returncode == 1 and expected in last and f'config("spark.jars", "{",".join(firesteel.jars())}")' in last, run.stderr
