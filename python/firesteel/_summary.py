"""What is known of a fit."""

from __future__ import annotations

from typing import Any, Optional

from pyspark.ml import Model
from pyspark.sql import DataFrame


class CnnClassificationSummary:
    """How a fit went. How well the model does on other rows is for `MulticlassClassificationEvaluator`."""

    def __init__(self, model: Model, dataset: DataFrame, events: list[dict[str, Any]]) -> None:
        self._model, self._dataset = model, dataset
        #: The events of the run in their order: objects as of `metrics.jsonl`.
        self.events: list[dict[str, Any]] = events

    def _of(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == event]

    @property
    def _end(self) -> dict[str, Any]:
        return self._of("end")[0]

    @property
    def predictions(self) -> DataFrame:
        """What the model's `transform` makes of the DataFrame that was fitted."""
        return self._model.transform(self._dataset)

    @property
    def objectiveHistory(self) -> list[Optional[float]]:
        """The mean training loss of each round; of asynchronous strategies, of each exchange. None where it was not finite."""
        return [each["loss"] for each in self._of("round") or self._of("exchange")]

    @property
    def totalIterations(self) -> int:
        """Rounds of the run."""
        return self._end["rounds"]

    @property
    def samples(self) -> int:
        """Minibatches' rows that were trained on, repeats counted."""
        return self._end["samples"]

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of training; `wallSeconds` has evaluations and checkpoints, too."""
        return self._end["seconds"]

    @property
    def wallSeconds(self) -> float:
        """Wall-clock seconds of the whole run."""
        return self._end["wall_seconds"]

    @property
    def imagesPerSecond(self) -> float:
        """Images a second over the whole training."""
        return self._end["images_per_second"]

    @property
    def validationAccuracy(self) -> Optional[float]:
        """Accuracy of the last evaluation of the validation rows, if there are any."""
        return self._end["accuracy"]

    @property
    def validationLoss(self) -> Optional[float]:
        """Loss of the last evaluation of the validation rows, if there are any."""
        return self._end["loss"]

    @property
    def bestRound(self) -> Optional[int]:
        """The round after which the validation rows had the highest accuracy; the first of several."""
        return self._end["best_round"]

    @property
    def bestAccuracy(self) -> Optional[float]:
        """The accuracy after that round."""
        return self._end["best_accuracy"]

    @property
    def endReason(self) -> str:
        """Why the run ended: `budget`, `patience` or `stopped`."""
        return self._end["reason"]

    @property
    def faults(self) -> list[str]:
        """What was lost during the run, and what was done about it."""
        return [f"round {each['round']}: {each['what']}: {each['action']}" for each in self._of("fault")]
