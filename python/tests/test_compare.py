"""A comparison, from Python."""

import json
from pathlib import Path

import pytest
from conftest import TINY

import firesteel


def matrix(**changed):
    base = {"data": TINY, "batch": 20, "strategy": "sparknet", "workers": 2, "tau": 2, "lr-policy": "fixed"}
    made = {"base": base, "axes": {"lr": [0.001, 0.002]}, "budget": {"samples": 160}, "evaluations": 2}
    return {**made, **changed}


def test_a_matrix_is_trained_once_and_reported(spark, tmp_path):
    file = tmp_path / "matrix.json"
    file.write_text(json.dumps(matrix()))
    first = firesteel.compare(file, str(tmp_path / "out"), parallel=1)
    assert len(first.results) == 2 and first.failed == [] and Path(first.report).is_file()
    assert all(0 <= result["accuracy"] <= 1 for result in first.results)
    assert firesteel.compare(matrix(), str(tmp_path / "out"), session=spark).results == first.results


def test_what_is_wrong_with_a_matrix_is_told(spark, tmp_path):
    with pytest.raises(Exception, match="unknown key 'axis': did you mean 'axes'"):
        firesteel.compare(matrix(axis={}), str(tmp_path / "out"), session=spark)
    failed = firesteel.compare(matrix(axes={"lr": [1e300]}), str(tmp_path / "out"), session=spark).failed
    assert len(failed) == 1 and "diverged" in failed[0]["error"]
