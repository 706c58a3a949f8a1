"""One Spark session for all tests, with the jars of the package: of this process, or with --connect of a server of Spark Connect."""

import os
import re
import subprocess
import time
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
def spark(remote, tmp_path_factory):
    if not remote:
        builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
        session = builder.config("spark.jars", ",".join(firesteel.jars())).getOrCreate()
        yield session
        session.stop()
        return
    log = tmp_path_factory.mktemp("server") / "log"
    with started(log) as (process, url):
        session = SparkSession.builder.remote(url).getOrCreate()
        yield session
        session.stop()
        process.terminate()


def started(log: Path):
    """A server that listens on a port of its own, and its address."""
    conf = {"spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": "0", "spark.ui.enabled": "false"}
    options = [word for key, value in conf.items() for word in ("--conf", f"{key}={value}")]
    jars = ["--jars", ",".join(firesteel.jars())]
    command = [f"{os.environ['SPARK_HOME']}/bin/spark-submit", "--master", "local[2]", *options, *jars, "--class", SERVER, "spark-internal"]
    return _Server(command, log)


class _Server:
    def __init__(self, command: list, log: Path) -> None:
        self._command, self._log = command, log

    def __enter__(self):
        with self._log.open("w") as out:
            self._process = subprocess.Popen(self._command, stdout=out, stderr=subprocess.STDOUT)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            if found := re.search(r"Spark Connect server started at:.*?:(\d+)", self._log.read_text()):
                return self._process, f"sc://127.0.0.1:{found[1]}"
            time.sleep(0.2)
        self.__exit__()
        raise RuntimeError(f"no server of Spark Connect: {self._log.read_text()[-2000:]}")

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()


@pytest.fixture(scope="session")
def images(spark):
    """A hundred images of ten classes: columns image, label, label_name, row."""
    return spark.read.format("cifar").load(TINY)
