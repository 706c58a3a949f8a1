"""Images a second of a model's `transform`, of the engine's evaluation of the same images, and of a `pandas_udf` with
PyTorch, all in one Spark session of two cores; one line of JSON. `python -m peers.transform --jar JAR --data DIR ..`."""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterator

import pandas as pd
import pyspark
import torch
from pyspark.sql.functions import pandas_udf

from . import nets, session

TASKS = 8  # partitions of the table
FILES = [f"data_batch_{number}.bin" for number in range(1, 6)]
ROWS = 10_000  # of each file
BATCH = 512  # rows of an Arrow batch: as many as `transform` takes at once


def transformed(model, table):
    """Runs `transform` on all rows, with all of its columns, and throws the result away."""
    model.transform(table._jdf).write().format("noop").mode("overwrite").save()


def with_torch(net, precision):
    """The peer: one model in each of Spark's Python workers, a thread each, channels last, batch normalisation folded."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    state = nets.build(net).state_dict()

    @pandas_udf("array<float>")
    def logits(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        import numpy as np

        torch.set_num_threads(1)
        built = nets.build(net)
        built.load_state_dict(state)
        built = built.eval().to(dtype=kind, memory_format=torch.channels_last)
        example = torch.zeros(1, 3, 32, 32, dtype=kind).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            frozen = torch.jit.freeze(torch.jit.trace(built, example))
            for images in batches:
                pixels = np.frombuffer(b"".join(images), np.uint8).reshape(-1, 32, 32, 3)
                x = torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).to(kind)
                yield pd.Series(list(frozen((x - 120) / 64).float().numpy()))

    return logits


class Evaluators:
    """Two of the engine's workers, which have a part of the files each, as evaluations of a run have them."""

    def __init__(self, jvm, config, data):
        self.jvm, self.jni = jvm, jvm.io.firesteel.jni
        self.digest = json.loads(self.jni.Engine.describe(config))["digest"]
        floats = self.jni.Engine.initialWeights(config)
        buffer = jvm.java.nio.ByteBuffer.allocate(4 * len(floats)).order(jvm.java.nio.ByteOrder.LITTLE_ENDIAN)
        buffer.asFloatBuffer().put(floats)
        self.weights = bytes(buffer.array())
        self.workers = [self._worker(config, data, number) for number in range(session.CORES)]

    def _worker(self, config, data, number):
        spec = {"config": json.loads(config), "worker": number, "rows": 0, "record": {"format": "cifar10"}}
        worker = self.jni.Worker.open(json.dumps(spec))
        for name in FILES[number :: session.CORES]:
            records = (data / name).read_bytes()
            buffer = self.jvm.java.nio.ByteBuffer.allocateDirect(len(records)).order(self.jvm.java.nio.ByteOrder.LITTLE_ENDIAN)
            worker.append(buffer.put(records).flip(), ROWS)
        worker.prepare(self.jni.Engine.normalizer(config, worker.statistics()))
        return worker

    def speed(self):
        """The sum of both: the one with more files takes longer, which is no property of the engine."""

        def evaluate(worker):
            started = time.perf_counter()
            rows = json.loads(worker.evaluate(self.weights, self.digest))["rows"]
            return rows / (time.perf_counter() - started)

        with ThreadPoolExecutor(session.CORES) as threads:
            return sum(threads.map(evaluate, self.workers))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jar", required=True)
    parser.add_argument("--data", required=True, type=Path, help="directory of CIFAR-10's binary files")
    parser.add_argument("--net", required=True, choices=list(nets.NETS))
    parser.add_argument("--precision", required=True, choices=["f32", "bf16"])
    parser.add_argument("--pairs", required=True, type=int)
    arguments = parser.parse_args()

    spark, jvm = session.start(arguments.jar, spark_sql_execution_arrow_maxRecordsPerBatch=BATCH)
    table = spark.read.format("cifar").load(str(arguments.data)).select("image").repartition(TASKS).cache()
    rows = table.count()

    few = spark.read.format("cifar").load(str(arguments.data)).limit(1000)
    classifier = session.classifier(jvm, arguments.net, setPrecision=arguments.precision, setIterations=1)
    model = classifier.fit(few._jdf)
    peer = table.select(with_torch(arguments.net, arguments.precision)("image.data").alias("logits"))
    evaluators = Evaluators(jvm, model.config().toJson(), arguments.data)

    def speed(work):
        started = time.perf_counter()
        work()
        return rows / (time.perf_counter() - started)

    sides = {
        "transform": lambda: speed(lambda: transformed(model, table)),
        "pandas_udf": lambda: speed(lambda: peer.write.format("noop").mode("overwrite").save()),
        "evaluate": evaluators.speed,
    }
    for measure in sides.values():
        measure()  # compiles and loads
    speeds = {side: [] for side in sides}
    for pair in range(arguments.pairs):
        for side in speeds if pair % 2 == 0 else reversed(speeds):
            speeds[side].append(sides[side]())
    print(json.dumps({"speeds": speeds, "rows": rows, "versions": {"torch": torch.__version__, "spark": pyspark.__version__}}))


if __name__ == "__main__":
    main()
