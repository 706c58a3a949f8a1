"""What does Spark cost? Two workers through Spark against two plain processes of the same engine."""

import statistics
import tempfile
from pathlib import Path

from . import runs

TITLE = "Through Spark against plain processes"
ITERATIONS = 400  # local steps of each worker, of which the warm-up is not counted


def _options(arguments, out):
    never = "1000000"  # the last round alone is evaluated, outside the clock
    asked = ["--data", arguments.data, "--precision", arguments.precision, "--out", str(out)]
    return [*asked, "--iterations", str(ITERATIONS), "--tau", "10", "--eval-every", never]


def _through_spark(arguments, directory):
    options = ["--workers", "2", "--consistency", "rounds", *_options(arguments, directory / "spark")]
    runs.wait(runs.submit("local[2]", options))
    return runs.steady(directory / "spark")


def _in_one_stage(arguments, directory):
    options = ["--workers", "2", "--consistency", "bsp", *_options(arguments, directory / "stage")]
    runs.wait(runs.submit("local[2]", options))
    return runs.steady(directory / "stage")


def _plain(arguments, directory):
    outs = [directory / "plain-0", directory / "plain-1"]
    for process in [runs.sequential(_options(arguments, out)) for out in outs]:
        runs.wait(process)
    return sum(runs.steady(out) for out in outs)


def answer(arguments):
    spark, stage, plain = [], [], []
    for pair in range(arguments.pairs):
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            sides = [(_through_spark, spark), (_in_one_stage, stage), (_plain, plain)]
            for measure, speeds in sides if pair % 2 == 0 else reversed(sides):
                speeds.append(measure(arguments, directory))
            where = runs.circumstances(directory / "spark")
        ratio = f"{spark[-1] / plain[-1]:.3f} and {stage[-1] / plain[-1]:.3f}"
        print(f"pair {pair + 1}: {spark[-1]:.0f} in rounds, {stage[-1]:.0f} in one stage, {plain[-1]:.0f} plain, {ratio}")
    stage_ratios = [ours / theirs for ours, theirs in zip(stage, plain)]
    ratios = [ours / theirs for ours, theirs in zip(spark, plain)]
    yield {
        "question": "spark",
        **where,
        "data": arguments.name,
        "precision": arguments.precision,
        "n": len(ratios),
        "ratios": ratios,
        "ratio": statistics.median(ratios),
        "spark": statistics.median(spark),
        "stage_ratios": stage_ratios,
        "stage_ratio": statistics.median(stage_ratios),
        "stage": statistics.median(stage),
        "plain": statistics.median(plain),
    }


def table(rows):
    lines = [
        "`cifar10_quick`, batch 100, tau 10, two workers of one thread, `local[2]`. Images a second after the first",
        f"{runs.WARM_UP} rounds, medians over n pairs; the spread is the smallest and the largest ratio.",
        "Rounds are a Spark job each; in one stage the same averaging goes through the exchanger (`--consistency bsp`).",
        "",
        "| when | hardware | versions | data | precision | n | rounds | one stage | plain | rounds, ratio (spread) | one stage, ratio |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        hardware, versions = row["hardware"], row["versions"]
        stage = "", ""
        if "stage" in row:
            least, most = min(row["stage_ratios"]), max(row["stage_ratios"])
            stage = f"{row['stage']:.0f}", f"{row['stage_ratio']:.3f} ({least:.3f} to {most:.3f})"
        lines.append(
            f"| {row['time'][:10]} | {hardware['cpu']}, {hardware['cores']} cores "
            f"| Spark {versions['spark']}, libtorch {versions['libtorch']} | {row['data']} | {row['precision']} | {row['n']} "
            f"| {row['spark']:.0f} | {stage[0]} | {row['plain']:.0f} "
            f"| {row['ratio']:.3f} ({min(row['ratios']):.3f} to {max(row['ratios']):.3f}) | {stage[1]} |"
        )
    return lines
