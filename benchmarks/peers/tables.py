"""The same images as a table of CIFAR's files, of PNG files by `binaryFile`, and of class folders: seconds until training
begins, images a second while it lasts, and the accuracy; one line of JSON. `python -m peers.tables --jar JAR --data DIR ..`."""

import argparse
import json
import tempfile
import time
from pathlib import Path

import pyspark
from PIL import Image
from pyspark.sql.functions import col, regexp_extract

from . import data, session


def write(directory, split, home):
    """A PNG file for each image, in class folders below `home`."""
    images, labels = data.read(directory, split)
    for label in range(10):
        (home / str(label)).mkdir(parents=True)
    for row, (image, label) in enumerate(zip(images.numpy(), labels.tolist())):
        Image.fromarray(image).save(home / str(label) / f"{row:05}.png", compress_level=1)
    return len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jar", required=True)
    parser.add_argument("--data", required=True, type=Path, help="directory of CIFAR-10's binary files")
    parser.add_argument("--net", required=True)
    parser.add_argument("--precision", required=True, choices=["f32", "bf16"])
    parser.add_argument("--epochs", required=True, type=float)
    parser.add_argument("--seeds", required=True, type=int)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        files = sum(write(arguments.data, split, home / split) for split in ("train", "test"))
        spark, jvm = session.start(arguments.jar)

        def cifar(split):
            return spark.read.format("cifar").option("split", split).load(str(arguments.data)).select("image", "label")

        def binary(split):
            read = spark.read.format("binaryFile").option("recursiveFileLookup", True).load(str(home / split))
            return read.select(col("content").alias("image"), regexp_extract("path", "/([0-9])/[^/]+$", 1).cast("int").alias("label"))

        def folders(split):
            return spark.read.format("firesteel-images").load(str(home / split)).select("image", "label")

        def fit(read, seed):
            asked = {"setPrecision": arguments.precision, "setEpochs": arguments.epochs}
            classifier = session.classifier(jvm, arguments.net, **asked, setSeed=seed)
            started = time.perf_counter()
            model = classifier.fit(read("train")._jdf)
            seconds = time.perf_counter() - started
            summary = model.summary()
            return {
                "loading": seconds - summary.wallSeconds(),
                "images_per_second": summary.imagesPerSecond(),
                "accuracy": session.accuracy(jvm, model, read("test")._jdf),
            }

        sides = {"cifar": cifar, "binaryFile": binary, "firesteel-images": folders}
        fit(cifar, 0)  # compiles and loads
        told = {side: [] for side in sides}
        for seed in range(1, arguments.seeds + 1):
            for side in told if seed % 2 else reversed(told):
                told[side].append(fit(sides[side], seed))
        print(json.dumps({"sides": told, "files": files, "versions": {"spark": pyspark.__version__}}))


if __name__ == "__main__":
    main()
