"""A standalone cluster of this machine, on loopback: Spark's own master and worker as processes of ours."""

import os
import re
import subprocess
import time
from contextlib import contextmanager

from . import runs

LOOPBACK = "127.0.0.1"
# Two executors of one core each, which a run on such a cluster asks of spark-submit.
TWO_EXECUTORS = [
    "--executor-cores", "1", "--total-executor-cores", "2",
    "--conf", "spark.executor.memory=1g", "--conf", "spark.driver.host=127.0.0.1",
]  # fmt: skip
START = 'source "$0"; use_java java || exit 1; export SPARK_HOME=$(spark_home); exec "$SPARK_HOME/bin/spark-class" "$@"'


@contextmanager
def processes(home):
    """A function that starts a part of a cluster and answers its log; all are ended with the block."""
    started = []

    def start(name, role, address, *options, inside=()):
        log = home / f"{name}.log"
        with log.open("wb") as output:
            environment = {**os.environ, "SPARK_LOCAL_IP": address}
            part = [f"org.apache.spark.deploy.{role}", "--host", address, "--webui-port", "0", *options]
            command = [*inside, "bash", "-c", START, str(runs.LIB), *part]
            started.append(subprocess.Popen(command, stdout=output, stderr=output, env=environment))
        return log

    start.processes = started
    try:
        yield start
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


@contextmanager
def standalone(home):
    """A master and a machine of two cores, ended with the block; its address, and the machine's process number."""
    with processes(home) as start:
        log = start("master", "master.Master", LOOPBACK, "--port", "0")
        url = awaited(log, r"Starting Spark master at (spark://\S+)")
        work = ["--cores", "2", "--memory", "4g", "--work-dir", str(home / "work")]
        awaited(start("worker", "worker.Worker", LOOPBACK, *work, url), r"(Successfully registered with master)")
        yield url, start.processes[-1].pid


def awaited(log, pattern):
    """What the first group of `pattern` matches in the log, once it does."""
    for _ in range(300):
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found.group(1)
        time.sleep(0.2)
    raise SystemExit(f"bench: nothing in {log} matches '{pattern}':\n{log.read_text(errors='replace')}")
