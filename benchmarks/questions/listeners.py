"""What does it cost to be watched? A run with the web UI's tab, an event log and TensorBoard's scalars, against one without."""

import statistics
import tempfile
from pathlib import Path

from . import runs

TITLE = "Watched runs"
ROUNDS = 200
MASTER = "local[2]"
WATCHED, ALONE = "watched", "alone"


def answer(arguments):
    speeds = {WATCHED: [], ALONE: []}
    for pair in range(arguments.pairs):
        with tempfile.TemporaryDirectory() as name:
            home = Path(name)
            for side in speeds if pair % 2 == 0 else reversed(speeds):
                speeds[side].append(_speed(arguments, home / side, side == WATCHED))
            where = runs.circumstances(home / ALONE)
        print(f"pair {pair + 1}: " + ", ".join(f"{side} {measured[-1]:.0f}" for side, measured in speeds.items()))
    row = {"question": "listeners", **where, "data": arguments.name, "precision": arguments.precision, "rounds": ROUNDS}
    yield {**row, "batch": arguments.batch, "tau": arguments.tau, "n": arguments.pairs, "speeds": speeds}


def _speed(arguments, out, watched):
    home = out.parent / f"{out.name}-places"
    (home / "log").mkdir(parents=True)
    options = ["--workers", "2", "--data", arguments.data, "--precision", arguments.precision, "--out", str(out)]
    options += ["--batch", str(arguments.batch), "--tau", str(arguments.tau), "--iterations", str(ROUNDS * arguments.tau)]
    options += ["--eval-every", "1000000"]  # the last round alone is evaluated, outside the clock
    conf = {"spark.ui.enabled": "false"}
    if watched:
        options += ["--tensorboard", str(home / "board")]
        conf = {"spark.ui.port": "0", "spark.eventLog.enabled": "true", "spark.eventLog.dir": (home / "log").as_uri()}
    runs.wait(runs.submit(MASTER, options, [word for key, value in conf.items() for word in ("--conf", f"{key}={value}")]))
    return runs.steady(out)


def table(rows):
    lines = [
        f"cifar10_quick, two workers of one thread in `{MASTER}`, {ROUNDS} rounds: with Spark's web UI and Firesteel's tab in it, Spark's event log and",
        f"TensorBoard's scalars, and without all of these. Images a second after the first {runs.WARM_UP} rounds, medians over n pairs; the spread is",
        "the smallest and the largest ratio of a pair.",
        "",
        "| when | hardware | versions | data | precision | batch | tau | n | watched | alone | ratio (spread) |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        hardware, versions, speeds = row["hardware"], row["versions"], row["speeds"]
        ratios = [ours / theirs for ours, theirs in zip(speeds[WATCHED], speeds[ALONE])]
        lines.append(
            f"| {row['time'][:10]} | {hardware['cpu']}, {hardware['cores']} cores | Spark {versions['spark']}, libtorch {versions['libtorch']} "
            f"| {row['data']} | {row['precision']} | {row['batch']} | {row['tau']} | {row['n']} "
            f"| {statistics.median(speeds[WATCHED]):.0f} | {statistics.median(speeds[ALONE]):.0f} "
            f"| {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) |"
        )
    return lines
