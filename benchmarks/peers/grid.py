"""A CrossValidator of Spark ML over nets and learning rates, several fits at once, as often as asked in one process: its
time and what memory the process has after each; one line of JSON. `python -m peers.grid --jar JAR --data DIR ..`."""

import argparse
import json
import time
from pathlib import Path

import pyspark

from . import session

NETS = ["cifar10_quick", "resnet20"]
RATES = [0.001, 0.01]
FOLDS = 3
PARALLELISM = 2


def memory(jvm):
    """MB of the process and of its heap after a collection, and the native objects that it has."""
    jvm.System.gc()
    process = int(jvm.java.lang.ProcessHandle.current().pid())
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    runtime = jvm.Runtime.getRuntime()
    heap = runtime.totalMemory() - runtime.freeMemory()
    return {"resident": resident / 1e3, "heap": heap / 1e6, "native_objects": jvm.io.firesteel.jni.Engine.live()}


def search(jvm, table):
    """The average accuracy of each point of the grid."""
    estimator = session.classifier(jvm, NETS[0], setEpochs=1.0, setBatch=50)
    builder = jvm.org.apache.spark.ml.tuning.ParamGridBuilder()
    nets, rates = (jvm.org.apache.spark.api.python.PythonUtils.toSeq(values) for values in (NETS, RATES))
    grid = builder.addGrid(estimator.net(), nets).addGrid(estimator.lr(), rates).build()
    evaluator = jvm.org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator().setMetricName("accuracy")
    validator = jvm.org.apache.spark.ml.tuning.CrossValidator().setEstimator(estimator).setEvaluator(evaluator)
    validator = validator.setEstimatorParamMaps(grid).setNumFolds(FOLDS).setParallelism(PARALLELISM).setSeed(1)
    return list(validator.fit(table).avgMetrics())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jar", required=True)
    parser.add_argument("--data", required=True, help="directory of CIFAR-10's binary files")
    parser.add_argument("--rows", required=True, type=int)
    parser.add_argument("--times", required=True, type=int)
    arguments = parser.parse_args()

    spark, jvm = session.start(arguments.jar)
    table = spark.read.format("cifar").load(arguments.data).select("image", "label").limit(arguments.rows).cache()
    table.count()
    searches = []
    for _ in range(arguments.times):
        started = time.perf_counter()
        accuracies = search(jvm, table._jdf)
        searches.append({"seconds": time.perf_counter() - started, "accuracies": accuracies, **memory(jvm)})
    fits = len(NETS) * len(RATES) * FOLDS + 1  # and the best one on all rows
    print(json.dumps({"searches": searches, "fits": fits, "versions": {"spark": pyspark.__version__}}))


if __name__ == "__main__":
    main()
