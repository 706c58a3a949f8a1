"""The examination of a cluster, from Python."""

import pytest

import firesteel


def test_the_doctor_finds_what_a_run_needs(spark):
    found = firesteel.doctor(spark, net="resnet20", batch=20, workers=2)
    assert found.ok and str(found).splitlines()[0].startswith(f"firesteel {firesteel.__version__} for Spark ")
    subjects = {finding["subject"] for finding in found.found["findings"]}
    assert {"Java", "libtorch", "processor", "memory", "task slots", "temporary directory", "training", "decoding"} <= subjects
    assert found.found["measures"][0]["images_per_second"] > 0
    assert "resnet20, batch 20" in found.text and "<pre>" in found._repr_html_()


def test_a_setting_that_cannot_be_is_told(spark):
    with pytest.raises(Exception, match="lenet"):
        firesteel.doctor(spark, net="lenet")
    with pytest.raises(Exception, match="batchSize|batch-size"):
        firesteel.doctor(spark, batchSize=3)
