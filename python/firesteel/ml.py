"""The estimator and its model. What they do is in the jars; here are their names, their Params and their documentation."""

from __future__ import annotations

import inspect
import keyword
import sys
import uuid
from typing import Any, Optional

from pyspark import keyword_only
from pyspark.ml.classification import _JavaProbabilisticClassificationModel, _JavaProbabilisticClassifier
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasValidationIndicatorCol, HasWeightCol
from pyspark.ml.util import JavaMLReadable, JavaMLWritable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import lit
from pyspark.sql.utils import is_remote

from firesteel._events import events_of
from firesteel._follow import followed
from firesteel._jars import require_jars, require_remote_jars
from firesteel._setters import SettingSetters
from firesteel._settings import SettingParams
from firesteel._summary import CnnClassificationSummary

_PACKAGE = "io.firesteel.ml"  # of the classes in the jar


class _CnnParams(SettingParams, HasWeightCol, HasValidationIndicatorCol):
    """What columns hold, beside the settings of a run."""

    imageShape: Param[list[int]] = Param(
        Params._dummy(),
        "imageShape",
        "height, width and channels (1, 3 or 4) of images in a column of raw values, which are 0 to 255; without it a binary "
        "column holds JPEG and PNG files",
        typeConverter=TypeConverters.toListInt,
    )
    imageLayout: Param[str] = Param(
        Params._dummy(),
        "imageLayout",
        "order of raw values: hwc (default), the channels of a pixel together, or chw, one plane after another",
        typeConverter=TypeConverters.toString,
    )
    badImages: Param[str] = Param(
        Params._dummy(),
        "badImages",
        "what happens to a row whose image is null or no image: fail (default), drop, or in transform null",
        typeConverter=TypeConverters.toString,
    )
    badImageCol: Param[str] = Param(
        Params._dummy(),
        "badImageCol",
        "name of a column that says, with badImages null, why the image of a row is none; without it there is no such column",
        typeConverter=TypeConverters.toString,
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._setDefault(imageLayout="hwc", badImages="fail", **self._setting_defaults())

    def getImageShape(self) -> list[int]:
        return self.getOrDefault(self.imageShape)

    def getImageLayout(self) -> str:
        return self.getOrDefault(self.imageLayout)

    def getBadImages(self) -> str:
        return self.getOrDefault(self.badImages)

    def getBadImageCol(self) -> str:
        return self.getOrDefault(self.badImageCol)


class _CnnSetters(_CnnParams):
    """What estimator and model may be told."""

    def setImageShape(self, value: list[int]):
        """Height, width and channels (1, 3 or 4) of images that are raw values."""
        return self._set(imageShape=value)

    def setImageLayout(self, value: str):
        """`hwc` (default) or `chw`."""
        return self._set(imageLayout=value)

    def setBadImages(self, value: str):
        """`fail` (default), `drop`, or in `transform` `null`."""
        return self._set(badImages=value)

    def setBadImageCol(self, value: str):
        """The name of a column that says why a row has no predictions."""
        return self._set(badImageCol=value)


class CnnClassifier(_JavaProbabilisticClassifier, _CnnSetters, SettingSetters, JavaMLWritable, JavaMLReadable):
    """Trains a convolutional net on the executors.

    The features column holds Spark's image structs, the content of JPEG and PNG files (as `binaryFile` reads them), or raw
    values whose shape is `imageShape`. The label column holds class numbers from 0, or strings, which get numbers in sorted
    order. Rows whose `validationIndicatorCol` is true are evaluated during training and not learnt.

    The keyword arguments are the Params; `explainParams()` tells all. One that is not set has the default that the net's
    recipe or the cluster gives.
    """

    checkpointDir: Param[str] = Param(
        Params._dummy(),
        "checkpointDir",
        "directory, on any Hadoop file system, in which a fit keeps a checkpoint, so that the next fit of the same settings and "
        "rows goes on if this one is interrupted (default: none is kept)",
        typeConverter=TypeConverters.toString,
    )

    tensorboardDir: Param[str] = Param(
        Params._dummy(),
        "tensorboardDir",
        "directory, on any Hadoop file system, in which each fit writes its scalars for TensorBoard, in a directory of its own "
        "(default: none)",
        typeConverter=TypeConverters.toString,
    )

    fitId: Param[str] = Param(
        Params._dummy(),
        "fitId",
        "name by which FitEvents tells the events of a fit (default: the uid of the estimator)",
        typeConverter=TypeConverters.toString,
    )

    @keyword_only
    def __init__(self, **params: Any) -> None:
        super().__init__()
        require_jars()
        self._java_obj = self._new_java_obj(f"{_PACKAGE}.CnnClassifier", self.uid)
        self.setParams(**self._input_kwargs)

    @keyword_only
    def setParams(self, **params: Any) -> "CnnClassifier":
        """Sets Params by their names."""
        for name in params:
            if not self.hasParam(name):
                raise TypeError(f"CnnClassifier has no Param {name}; explainParams() tells those that it has")
        return self._set(**params)

    def setCheckpointDir(self, value: str) -> "CnnClassifier":
        """The directory in which a fit keeps a checkpoint."""
        return self._set(checkpointDir=value)

    def getCheckpointDir(self) -> str:
        return self.getOrDefault(self.checkpointDir)

    def setTensorboardDir(self, value: str) -> "CnnClassifier":
        """The directory in which each fit makes one of its own for TensorBoard."""
        return self._set(tensorboardDir=value)

    def getTensorboardDir(self) -> str:
        return self.getOrDefault(self.tensorboardDir)

    def setWeightCol(self, value: str) -> "CnnClassifier":
        """The weight of each row in the training loss, a number of 0 or more."""
        return self._set(weightCol=value)

    def setValidationIndicatorCol(self, value: str) -> "CnnClassifier":
        """A column of booleans: rows whose value is true are evaluated during training and not learnt."""
        return self._set(validationIndicatorCol=value)

    def _fit(self, dataset: DataFrame) -> "CnnClassificationModel":
        name = self.getOrDefault(self.fitId) if self.isSet(self.fitId) else uuid.uuid4().hex  # copies of one uid may fit at once
        session = dataset.sparkSession
        if is_remote():
            require_remote_jars(session, lambda: events_of(session, name))
        named = super(CnnClassifier, self.copy({self.fitId: name}))
        model = followed(session, name, lambda: named._fit(dataset))
        events = [event for _, event in events_of(session, name)]
        model._fit_summary = CnnClassificationSummary(model, dataset, events)
        return model

    def _create_model(self, java_model: Any) -> "CnnClassificationModel":
        return CnnClassificationModel(java_model)


class CnnClassificationModel(_JavaProbabilisticClassificationModel, _CnnSetters, JavaMLWritable, JavaMLReadable):
    """Classifies images by a convolutional net.

    `transform` appends `rawPrediction` (the net's outputs, one for each class), `probability` (their softmax) and `prediction`.
    """

    _fit_summary: Optional[CnnClassificationSummary] = None

    @property
    def labels(self) -> list[str]:
        """The classes by name in the order of their numbers; their numbers, if the labels were numbers."""
        column = self.getPredictionCol()
        if not column:
            raise ValueError("the labels are those of predictionCol, which is empty")
        nothing = SparkSession.active().range(0).select(lit(None).cast("binary").alias(self.getFeaturesCol()))
        names = self.transform(nothing).schema[column].metadata["ml_attr"].get("vals")  # which Spark Connect tells, too
        return names or [str(number) for number in range(self.numClasses)]

    @property
    def hasSummary(self) -> bool:
        """Whether there is a summary: a loaded model has none."""
        return self._fit_summary is not None

    @property
    def summary(self) -> CnnClassificationSummary:
        """What is known of the fit. Raises `RuntimeError` for a loaded model."""
        if self._fit_summary is None:
            raise RuntimeError(f"{self.uid} has no summary: a model has one after fit, and not after load")
        return self._fit_summary


for _class in (CnnClassifier, CnnClassificationModel):
    _class.__module__ = _PACKAGE  # pyspark finds the class in the jar, and this one again when it loads, by it
sys.modules[_PACKAGE] = sys.modules[__name__]


def _keywords() -> list[inspect.Parameter]:
    """The Params as arguments, for help() and completion; a word of Python cannot be one."""
    params = (getattr(CnnClassifier, name) for name in dir(CnnClassifier))
    names = sorted({param.name for param in params if isinstance(param, Param) and not keyword.iskeyword(param.name)})
    return [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in names]


CnnClassifier.__init__.__signature__ = inspect.Signature(_keywords())
