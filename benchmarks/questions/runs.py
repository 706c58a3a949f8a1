"""Starting runs, waiting for them, and reading what they left in metrics.jsonl."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FASHION = "/usr/share/datasets/fashion-mnist"  # where scripts/setup's Debian package puts it
LIB = ROOT / "scripts" / "lib.sh"
WITH_JAVA = 'source "$0"; use_java java || die "Java 17 or newer is needed"; exec "$@"'  # which Spark's Python needs
WARM_UP = 20  # rounds not counted: the JVM compiles its hot code meanwhile, with threads that take a worker's core

os.environ.setdefault("OMP_NUM_THREADS", "1")


def submit(master, options, submit_options=(), errors=None, inside=(), **settings):
    """A started `train` through Spark, whose messages go to the file `errors`, or where ours go; `inside` are words before
    its command, and `settings` are added to its environment."""
    command = [*inside, str(ROOT / "scripts/submit"), "--master", master, *submit_options, "--", "train", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env={**os.environ, **settings})


def sequential(options, **settings):
    """A started run without Spark; `settings` are added to its environment."""
    command = [str(ROOT / "target/release/sequential"), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **settings})


def python(name, module, options, stdin=None, inside=(), **settings):
    """What `python -m MODULE` prints, in the Python that scripts/setup-python made; ends the benchmark where it fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "benchmarks"), **settings}
    program = [str(require_python(name)), "-m", module, *options]
    command = [*inside, "bash", "-c", WITH_JAVA, str(LIB), *program]
    done = subprocess.run(command, env=environment, input=stdin, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(program)} failed with status {done.returncode}")
    return done.stdout


def python_of(name):
    """That Python's program, if there is one."""
    told = subprocess.check_output(["bash", "-c", 'source "$0"; python_home "$1"', str(LIB), name], text=True)
    program = Path(told.strip()) / "bin" / "python"
    return program if program.exists() else None


def require_python(name):
    program = python_of(name)
    if program is None:
        sys.exit(f"bench: no Python for {name}: run scripts/setup-python {name}")
    return program


def jar():
    """The path of Firesteel's jar."""
    names = ROOT / "scala-driver" / "target" / "firesteel-driver_*.jar"
    for name in sorted(names.parent.glob(names.name)):
        return str(name)
    sys.exit(f"bench: there is no {names}: run scripts/build")


def wait(process):
    """Waits for a run, which must succeed, and ends it where the benchmark is ended."""
    try:
        status = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if status != 0:
        sys.exit(f"bench: {' '.join(process.args)} failed with status {process.returncode}")


def directory(*parts):
    """A run's name as that of its directory."""
    return "-".join(map(str, parts)).replace(", ", "-").replace(" ", "-").replace("/", "-")


def fresh(home, asked):
    """A directory below `home` for the run of the row `asked`, without what was left by one that was interrupted."""
    out = home / directory(*asked.values())
    shutil.rmtree(out, ignore_errors=True)
    return out


def events(out):
    """What metrics.jsonl holds in whole lines: a run that goes on may be in the middle of one."""
    try:
        text = (Path(out) / "metrics.jsonl").read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def steady(out, warm_up=WARM_UP):
    """Images a second after the first `warm_up` rounds."""
    seen = events(out)
    workers = seen[0]["config"]["workers"]
    rounds = [event for event in seen if event["event"] == "round"]
    # inside one stage each worker tells its own exchanges
    rounds = rounds or [event for event in seen if event["event"] == "exchange"][workers - 1 :: workers]
    first, last = rounds[warm_up - 1], rounds[-1]
    return (last["samples"] - first["samples"]) / (last["seconds"] - first["seconds"])


def by_seed(rows, *keys):
    """Rows by the values of `keys`, then by seed; a later row of the same run replaces the earlier."""
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), {})[row["seed"]] = row
    return groups


def circumstances(out):
    """What a row says of where and when it was measured, from a run's first event."""
    start = events(out)[0]
    return {
        "time": start["time"],
        "hardware": start["hardware"],
        "versions": start["versions"],
    }


def hardware():
    """This machine, as the first event of a run tells it."""
    models = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {"cpu": models[0] if models else "unknown", "cores": os.cpu_count()}
