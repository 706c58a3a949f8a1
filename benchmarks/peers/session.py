"""A Spark session of two cores with Firesteel's jar, in this process."""

import os
import sys

from pyspark.sql import SparkSession

CORES = 2


def start(jar, **settings):
    """The session; `settings` are Spark's, with `_` for each dot."""
    os.environ.pop("SPARK_HOME", None)  # the Spark beside this Python, whatever else is installed
    os.environ["PYSPARK_PYTHON"] = sys.executable  # its workers have the packages of this Python
    builder = SparkSession.builder.master(f"local[{CORES}]").config("spark.jars", jar).config("spark.ui.enabled", False)
    builder = builder.config("spark.driver.memory", "4g")
    for key, value in settings.items():
        builder = builder.config(key.replace("_", "."), value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark, spark.sparkContext._jvm


def classifier(jvm, net, **values):
    """A `CnnClassifier` of two workers with a thread each; `values` are Params, by their setters."""
    made = jvm.io.firesteel.ml.CnnClassifier().setFeaturesCol("image").setNet(net).setWorkers(CORES).setThreads(1)
    for name, value in values.items():
        getattr(made, name)(value)
    return made


def accuracy(jvm, model, table):
    """Of a model's predictions for the rows of a Java DataFrame."""
    evaluator = jvm.org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator()
    return evaluator.setMetricName("accuracy").evaluate(model.transform(table))
