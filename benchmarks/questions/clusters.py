"""A standalone cluster of this machine, on loopback: Spark's own master and worker as processes of ours."""

import os
import re
import subprocess
import time
from contextlib import contextmanager

from . import runs

# Two executors of one core each, which a run on such a cluster asks of spark-submit.
TWO_EXECUTORS = [
    "--executor-cores", "1", "--total-executor-cores", "2",
    "--conf", "spark.executor.memory=1g", "--conf", "spark.driver.host=127.0.0.1",
]  # fmt: skip
START = 'source "$0"; use_java java || exit 1; export SPARK_HOME=$(spark_home); exec "$SPARK_HOME/bin/spark-class" "$@"'


@contextmanager
def standalone(home):
    """A master and a machine of two cores, ended with the block; its address, and the machine's process number."""
    started = []

    def start(name, role, *options):
        log = home / f"{name}.log"
        with log.open("wb") as output:
            environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}
            command = ["bash", "-c", START, str(runs.LIB), f"org.apache.spark.deploy.{role}", "--host", "127.0.0.1", "--webui-port", "0", *options]
            started.append(subprocess.Popen(command, stdout=output, stderr=output, env=environment))
        return log

    try:
        master = start("master", "master.Master", "--port", "0")
        url = _await(master, r"Starting Spark master at (spark://\S+)")
        machine = start("worker", "worker.Worker", "--cores", "2", "--memory", "4g", "--work-dir", str(home / "work"), url)
        _await(machine, r"(Successfully registered with master)")
        yield url, started[-1].pid
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def _await(log, pattern):
    for _ in range(300):
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found.group(1)
        time.sleep(0.2)
    raise SystemExit(f"bench: nothing in {log} matches '{pattern}':\n{log.read_text(errors='replace')}")
