"""A program of a user's: fits 400 images, predicts them and saves the model. scripts/test-package and test-sparks run it.

usage: small_fit.py MASTER DATA MODEL
"""

import sys

from pyspark.sql import SparkSession

import firesteel


def main() -> None:
    master, data, target = sys.argv[1:]
    builder = SparkSession.builder.master(master).config("spark.jars", ",".join(firesteel.jars()))
    spark = builder.config("spark.ui.enabled", "false").getOrCreate()
    images = spark.read.format("cifar").load(data)
    settings = {"workers": 2, "tau": 2, "batch": 20, "iterations": 4}
    model = firesteel.CnnClassifier(featuresCol="image", **settings).fit(images)
    predicted = model.transform(images).where("prediction between 0 and 9").count()
    model.write().overwrite().save(target)
    print(f"Spark {spark.version}: {predicted} images predicted")
    spark.stop()


if __name__ == "__main__":
    main()
