"""Convolutional networks trained inside Spark executors, as an estimator of Spark ML.

`CnnClassifier` fits a DataFrame of images, and gives a `CnnClassificationModel`. Both are thin faces on the classes of the
same name in the jars that this package carries: `jars()` lists them for Spark's setting `spark.jars`. `doctor()` examines a cluster beforehand,
and `compare()` trains a matrix of settings.
"""

from firesteel._compare import Comparison, compare
from firesteel._doctor import Diagnosis, doctor
from firesteel._jars import __version__, jars
from firesteel.ml import CnnClassificationModel, CnnClassificationSummary, CnnClassifier

__all__ = ["CnnClassificationModel", "CnnClassificationSummary", "CnnClassifier", "Comparison", "Diagnosis", "__version__", "compare", "doctor", "jars"]
