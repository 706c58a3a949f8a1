"""The Params of the estimator are the table of settings, in both directions: their source is made from it."""

import os

import pytest
import settings_source
from firesteel import CnnClassifier

# Params of Spark itself, whose texts in Python and Scala differ by a stop
COLUMNS = ("features", "label", "prediction", "probability", "rawPrediction", "weight", "validationIndicator")
SPARK_OWN = {"thresholds", *(f"{name}Col" for name in COLUMNS)}


@pytest.mark.parametrize("name, source", settings_source.sources().items())
def test_a_source_is_made_from_the_table(name, source):
    file = settings_source.PACKAGE / name
    if "UPDATE_EXPECT" in os.environ:
        file.write_text(source)
    assert file.read_text() == source, f"{file} is old: run this test once with UPDATE_EXPECT=1"


def test_every_param_of_the_jar_is_one_of_python_with_its_text_and_default(spark, remote):
    if remote:
        pytest.skip("Spark Connect does not show a client the classes of the jar")
    ours = CnnClassifier()
    theirs = {param.name(): param for param in ours._java_obj.params()}
    assert {param.name for param in ours.params} == set(theirs)
    for param in ours.params:
        name, jar = param.name, ours._java_obj
        assert param.doc == theirs[name].doc() or name in SPARK_OWN, name
        assert ours.hasDefault(param) == jar.hasDefault(theirs[name]), name
        if ours.hasDefault(param) and name not in SPARK_OWN:
            assert ours.getOrDefault(param) == jar.getOrDefault(theirs[name]), name
