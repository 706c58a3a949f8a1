"""One Spark session for all tests, with the jars of the package: of this process, or with --connect of a server of Spark Connect."""

import os
import re
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import firesteel

ROOT = Path(__file__).resolve().parents[2]
TINY = str(ROOT / "testdata" / "cifar10-tiny")
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
SECONDS = 120  # until a server listens


def pytest_addoption(parser):
    parser.addoption("--connect", action="store_true", help="by a server of Spark Connect, which the tests start and end")


@pytest.fixture(scope="session")
def remote(request) -> bool:
    """Whether the session is one of Spark Connect."""
    return request.config.getoption("--connect")


@pytest.fixture(scope="session")
def spark(remote):
    if not remote:
        builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
        session = builder.config("spark.jars", ",".join(firesteel.jars())).getOrCreate()
        yield session
        session.stop()
        return
    with server() as url:
        session = SparkSession.builder.remote(url).getOrCreate()
        yield session
        session.stop()


@contextmanager
def server():
    """A server of Spark Connect, which has the jars and listens on a port of its own; its address."""
    conf = {"spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": "0", "spark.ui.enabled": "false"}
    options = [word for key, value in conf.items() for word in ("--conf", f"{key}={value}")]
    jars = ["--jars", ",".join(firesteel.jars())]
    command = [f"{os.environ['SPARK_HOME']}/bin/spark-submit", "--master", "local[2]", *options, *jars, "--class", SERVER, "spark-internal"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    late = threading.Timer(SECONDS, process.kill)
    late.start()
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"Spark Connect server started at:.*?:(\d+)", line):
                break
        else:
            raise RuntimeError(f"no server of Spark Connect: {''.join(said[-20:])}")
        late.cancel()
        threading.Thread(target=process.stdout.read, daemon=True).start()  # or it would wait for a reader
        yield f"sc://127.0.0.1:{found[1]}"
    finally:
        late.cancel()
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def images(spark):
    """A hundred images of ten classes: columns image, label, label_name, row."""
    return spark.read.format("cifar").load(TINY)
