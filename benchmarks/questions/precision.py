"""Does bf16 cost accuracy? The same runs in f32 and in bf16, five seeds."""

import statistics
from concurrent.futures import ThreadPoolExecutor

from . import results, runs

TITLE = "bf16 against f32"
NETS = {  # options, one process of one thread each
    "cifar10_quick, Caffe's recipe": ["--net", "cifar10_quick"],
    "resnet20, configs/resnet20.json for 2 epochs": ["--config", str(runs.ROOT / "configs" / "resnet20.json"), "--epochs", "2"],
}
PRECISIONS = ("f32", "bf16")
AT_ONCE = 2  # runs of one thread each


def answer(arguments):
    there = {_identity(row) for row in results.rows() if row["question"] == "precision"}
    asked = [
        {"data": arguments.name, "net": net, "seed": seed, "precision": precision}
        for net in NETS
        for seed in range(arguments.seeds)
        for precision in PRECISIONS
    ]
    missing = [run for run in asked if _identity(run) not in there]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda run: _row(arguments, run), missing)


def _row(arguments, asked):
    out = runs.fresh(arguments.runs, {"question": "precision", **asked})
    runs.wait(runs.sequential(_options(arguments, asked, out)))
    return {"question": "precision", **runs.circumstances(out), **asked, "accuracy": runs.events(out)[-1]["accuracy"]}


def _options(arguments, asked, out):
    never = "1000000"  # the last weights are evaluated
    options = [*NETS[asked["net"]], "--data", arguments.data, "--precision", asked["precision"], "--out", str(out)]
    return [*options, "--seed", str(asked["seed"]), "--eval-every", never]


def _identity(row):
    return row["data"], row["net"], row["seed"], row["precision"]


def table(rows):
    lines = [
        "Runs of `sequential`, the same seed in both: test accuracy in per cent, mean and standard deviation over the seeds,",
        "and the mean of the differences with its standard error.",
        "",
        f"| data | net | seeds | {' | '.join(PRECISIONS)} | bf16 less f32 |",
        "|---|---|---|---|---|---|",
    ]
    nets = {}
    for row in rows:
        nets.setdefault((row["data"], row["net"]), {}).setdefault(row["seed"], {})[row["precision"]] = 100 * row["accuracy"]
    for (data, net), by_seed in nets.items():
        pairs = [tuple(by_seed[seed][name] for name in PRECISIONS) for seed in by_seed if len(by_seed[seed]) == 2]
        if len(pairs) > 1:
            cells = [f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}" for values in zip(*pairs)]
            apart = [ours - theirs for theirs, ours in pairs]
            error = statistics.stdev(apart) / len(apart) ** 0.5
            cells.append(f"{statistics.mean(apart):+.2f} ± {error:.2f}")
            lines.append(f"| {data} | {net} | {', '.join(map(str, sorted(by_seed)))} | {' | '.join(cells)} |")
    return lines
