"""What does Spark cost? Two workers through Spark, by kind of cluster, against two plain processes of the same engine."""

import statistics
import tempfile
from pathlib import Path

from . import clusters, runs

TITLE = "Through Spark against plain processes"
ITERATIONS = 400  # local steps of each worker, of which the warm-up is not counted
STANDALONE = "standalone"
PLAIN = "plain"
SIDES = {  # by name: the master, and options beside those of all
    "local[2]": ("local[2]", []),
    "local[2], rounds": ("local[2]", ["--consistency", "rounds"]),
    "local-cluster": ("local-cluster[2,1,1024]", []),
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
        "batch": arguments.batch,
        "n": arguments.pairs,
        "speeds": speeds,
    }


def _options(arguments, out):
    never = "1000000"  # the last round alone is evaluated, outside the clock
    asked = ["--data", arguments.data, "--precision", arguments.precision, "--batch", str(arguments.batch), "--out", str(out)]
    return [*asked, "--iterations", str(ITERATIONS), "--tau", "10", "--eval-every", never]


def _through_spark(arguments, home, side):
    master, more = SIDES[side]
    options = ["--workers", "2", *more, *_options(arguments, home / side)]
    if side == STANDALONE:
        cluster = home / "cluster"
        cluster.mkdir()
        with clusters.standalone(cluster) as (url, _):
            runs.wait(runs.submit(url, options, clusters.TWO_EXECUTORS))
    else:
        runs.wait(runs.submit(master, options))
    return runs.steady(home / side)


def _plain(arguments, home):
    outs = [home / "plain-0", home / "plain-1"]
    for process in [runs.sequential(_options(arguments, out)) for out in outs]:
        runs.wait(process)
    return sum(runs.steady(out) for out in outs)


def table(rows):
    lines = [
        "`cifar10_quick`, tau 10, two workers of one thread. Images a second after the first",
        f"{runs.WARM_UP} rounds, medians over n pairs; the spread is the smallest and the largest ratio to two plain processes of the",
        "same pair. In rounds each round is a Spark job; where a run may choose it takes one stage, and the same averaging goes",
        "through the exchanger. `local-cluster[2,1,1024]` and the standalone cluster have executors of one core, on this machine.",
        "",
        "| when | hardware | versions | data | precision | batch | n | Spark | through Spark | plain | ratio (spread) |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        hardware, versions = row["hardware"], row["versions"]
        for side, median, plain, ratios in _ratios(row):
            lines.append(
                f"| {row['time'][:10]} | {hardware['cpu']}, {hardware['cores']} cores "
                f"| Spark {versions['spark']}, libtorch {versions['libtorch']} | {row['data']} | {row['precision']} "
                f"| {row.get('batch', 100)} | {row['n']} | {side} | {median:.0f} | {plain:.0f} "
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
