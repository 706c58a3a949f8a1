"""What TensorBoard itself reads of a fit."""

from math import isfinite

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from firesteel import CnnClassifier

SMALL = {"featuresCol": "image", "batch": 10, "iterations": 4, "tau": 2, "workers": 2, "seed": 1, "lr": 0.001, "lrPolicy": "fixed"}


def scalars(directory) -> dict[str, list[tuple[int, float]]]:
    board = EventAccumulator(str(directory))
    board.Reload()
    return {tag: [(event.step, event.value) for event in board.Scalars(tag)] for tag in board.Tags()["scalars"]}


def test_each_fit_has_a_directory_with_its_scalars(images, tmp_path):
    classifier = CnnClassifier(**SMALL, evalEvery=1, tensorboardDir=str(tmp_path), validationIndicatorCol="held")
    held = images.selectExpr("*", "row % 5 = 0 as held")
    models = [classifier.copy({classifier.fitId: name}).fit(held) for name in ("first", "second")]
    first, second = (scalars(directory) for directory in sorted(tmp_path.iterdir()))
    assert first["train/loss"] == second["train/loss"]
    steps, losses = zip(*first["train/loss"])
    assert steps == (40, 80) and losses == pytest.approx(models[0].summary.objectiveHistory, rel=1e-6)
    assert first["eval/accuracy"][-1] == (80, pytest.approx(models[0].summary.validationAccuracy, rel=1e-6))
    assert {"train/images_per_second", "exchange/bytes", "eval/loss"} <= set(first)


def test_workers_that_exchange_for_themselves_have_scalars_each(images, tmp_path):
    CnnClassifier(**SMALL, strategy="deepspark", tensorboardDir=str(tmp_path)).fit(images)
    found = scalars(next(tmp_path.iterdir()))
    assert {"worker 0/loss", "worker 1/loss", "worker 0/staleness", "worker 1/waiting"} <= set(found)
    assert all(isfinite(value) for _, value in found["worker 0/loss"])
