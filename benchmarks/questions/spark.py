"""What does Spark cost? Two workers through Spark, by kind of cluster, against two plain processes of the same engine."""

import statistics
import tempfile
from collections import namedtuple
from pathlib import Path

from . import clusters, runs

TITLE = "Through Spark against plain processes"
# rounds, those of them that are not counted, and what a heap needs beside Spark's default of 1 GiB, in MiB
Plan = namedtuple("Plan", ["rounds", "warm_up", "heap"])
NETS = {  # by name of the net
    "cifar10_quick": Plan(40, runs.WARM_UP, 0),
    "alexnet": Plan(8, 2, 5120),  # 228 MB of weights; a round takes seconds
}
STANDALONE = "standalone"
PLAIN = "plain"
ROUNDS = ["--consistency", "rounds"]
SIDES = {  # by name: the master, with the MiB of an executor's heap, and options beside those of all
    "local[2]": ("local[2]", []),
    "local[2], rounds": ("local[2]", ROUNDS),
    "local-cluster": ("local-cluster[2,1,{}]", []),
    "local-cluster, rounds": ("local-cluster[2,1,{}]", ROUNDS),
    STANDALONE: (None, []),  # a cluster that is started for the run
}


def answer(arguments):
    sides = [side for side in SIDES if not arguments.sides or any(part in side for part in arguments.sides)]
    speeds = {side: [] for side in [*sides, PLAIN]}
    for pair in range(arguments.pairs):
        with tempfile.TemporaryDirectory() as name:
            home = Path(name)
            for side in speeds if pair % 2 == 0 else reversed(speeds):
                speeds[side].append(_plain(arguments, home) if side == PLAIN else _through_spark(arguments, home, side))
            where = runs.circumstances(home / sides[0])
        print(f"pair {pair + 1}: " + ", ".join(f"{side} {measured[-1]:.0f}" for side, measured in speeds.items()))
    yield {
        "question": "spark",
        **where,
        "data": arguments.name,
        "precision": arguments.precision,
        **{key: getattr(arguments, key) for key in ("net", "resize", "batch", "tau")},
        "n": arguments.pairs,
        "speeds": speeds,
    }


def _options(arguments, out):
    never = "1000000"  # the last round alone is evaluated, outside the clock
    asked = {key: getattr(arguments, key) for key in ("data", "precision", "net", "resize", "batch", "tau")}
    asked |= {"iterations": NETS[arguments.net].rounds * arguments.tau, "eval-every": never, "out": out}
    return [word for key, value in asked.items() if value is not None for word in (f"--{key}", str(value))]


def _through_spark(arguments, home, side):
    (master, more), plan = SIDES[side], NETS[arguments.net]
    options = ["--workers", "2", *more, *_options(arguments, home / side)]
    heap = f"{1024 + plan.heap}m"  # spark-submit's --executor-memory is not for local-cluster
    memory = ["--driver-memory", heap, "--conf", f"spark.executor.memory={heap}"] if plan.heap else []
    if side == STANDALONE:
        cluster = home / "cluster"
        cluster.mkdir()
        with clusters.standalone(cluster) as (url, _):
            runs.wait(runs.submit(url, options, [*clusters.TWO_EXECUTORS, *memory]))
    else:
        runs.wait(runs.submit(master.format(1024 + plan.heap), options, memory))
    return runs.steady(home / side, plan.warm_up)


def _plain(arguments, home):
    outs = [home / "plain-0", home / "plain-1"]
    for process in [runs.sequential(_options(arguments, out)) for out in outs]:
        runs.wait(process)
    return sum(runs.steady(out, NETS[arguments.net].warm_up) for out in outs)


def table(rows):
    lines = [
        "Two workers of one thread. Images a second after the first rounds, which are not counted (20; of AlexNet, whose",
        "weights are 228 MB, 2), medians over n pairs; the spread is the smallest and the largest ratio to two plain processes of the",
        "same pair. In rounds each round is a Spark job; where a run may choose it takes one stage, and the same averaging goes",
        "through the exchanger. `local-cluster[2,1,1024]` and the standalone cluster have executors of one core, on this machine.",
        "",
        "| when | hardware | versions | data | net | precision | batch | tau | n | Spark | through Spark | plain | ratio (spread) |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        hardware, versions = row["hardware"], row["versions"]
        net = row.get("net", "cifar10_quick") + (f", enlarged to {row['resize']}" if row.get("resize") else "")
        for side, median, plain, ratios in _ratios(row):
            lines.append(
                f"| {row['time'][:10]} | {hardware['cpu']}, {hardware['cores']} cores "
                f"| Spark {versions['spark']}, libtorch {versions['libtorch']} | {row['data']} | {net} | {row['precision']} "
                f"| {row.get('batch', 100)} | {row.get('tau', 10)} | {row['n']} | {side} | {median:.0f} | {plain:.0f} "
                f"| {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) |"
            )
    return lines


def _ratios(row):
    """By side: its median, that of the plain processes, and the ratios of the pairs."""
    if "speeds" not in row:  # rows of before there were other clusters
        yield "local[2], rounds", row["spark"], row["plain"], row["ratios"]
        if "stage" in row:
            yield "local[2]", row["stage"], row["plain"], row["stage_ratios"]
        return
    plain = row["speeds"][PLAIN]
    for side, measured in row["speeds"].items():
        if side != PLAIN:
            ratios = [ours / theirs for ours, theirs in zip(measured, plain)]
            yield side, statistics.median(measured), statistics.median(plain), ratios
