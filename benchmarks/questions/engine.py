"""How fast is the engine alone? Plain processes of one thread each, by workers, by minibatch, by net."""

import statistics
import tempfile
from pathlib import Path

from . import runs

TITLE = "The engine alone"
PLOT = runs.ROOT / "benchmarks" / "engine.svg"  # drawn by plots/engine.py
NET, WORKERS, BATCH = "cifar10_quick", 2, 128  # where a sweep does not change it
SWEEPS = {
    "workers": (1, 2, 4),
    "batch": (32, 64, 128, 256, 512, 1024),
    "net": ("cifar10_quick", "cifar10_full", "airbench_32_64_64", "airbench_64_128_128", "resnet20", "nin", "vgg11"),
}
PRECISIONS = ("f32", "bf16")
ROUNDS, WARM_UP = 10, 2  # of a measurement
IMAGES = 6_000  # of each worker in a measurement, in about as many; a slow net takes a quarter of them
SLOW = ("airbench_64_128_128", "nin", "vgg11")


def _points():
    """Sweep, place in it, workers, batch, net."""
    for workers in SWEEPS["workers"]:
        yield "workers", workers, workers, BATCH, NET
    for batch in SWEEPS["batch"]:
        yield "batch", batch, WORKERS, batch, NET
    for net in SWEEPS["net"]:
        yield "net", net, WORKERS, BATCH, net


def _speed(arguments, precision, workers, batch, net):
    """Images a second of all workers together."""
    tau = max(1, IMAGES // (4 if net in SLOW else 1) // ROUNDS // batch)
    options = ["--data", arguments.data, "--net", net, "--batch", str(batch), "--precision", precision]
    options += ["--tau", str(tau), "--iterations", str(tau * ROUNDS), "--eval-every", "1000000", "--normalize", "channel"]
    with tempfile.TemporaryDirectory() as directory:
        outs = [Path(directory) / str(worker) for worker in range(workers)]
        for process in [runs.sequential([*options, "--out", str(out)]) for out in outs]:
            runs.wait(process)
        return sum(runs.steady(out, WARM_UP) for out in outs), runs.circumstances(outs[0])


def answer(arguments):
    speeds = {}
    for run in range(arguments.pairs):
        measured = {}  # the sweeps meet in a point, which is measured once
        for sweep, at, *point in _points():
            for precision in PRECISIONS:
                key = precision, *point
                if key not in measured:
                    measured[key], where = _speed(arguments, *key)
                speeds.setdefault(sweep, {}).setdefault(precision, {}).setdefault(str(at), []).append(measured[key])
        print(f"run {run + 1} of {arguments.pairs}", flush=True)
    yield {"question": "engine", **where, "data": arguments.name, "n": arguments.pairs, "speeds": speeds}


def table(rows):
    row = rows[-1]
    hardware = row["hardware"]
    lines = [
        f"{row['time'][:10]}, {hardware['cpu']}, {hardware['cores']} cores, {row['data']}, n = {row['n']}; libtorch "
        f"{row['versions']['libtorch']}. Processes of `sequential`, one thread each; {NET}, {WORKERS} workers and batch",
        f"{BATCH} where the table does not say another. Images a second of all workers together: the median, and the least",
        "and the most.",
        "",
    ]
    if PLOT.exists():
        lines += [f"![Images a second by workers, by minibatch and by net]({PLOT.name})", ""]
    lines += [f"| | {' | '.join(PRECISIONS)} | bf16 to f32 |", f"|---|{'---|' * len(PRECISIONS)}---|"]
    for sweep, by_precision in row["speeds"].items():
        for at in by_precision[PRECISIONS[0]]:
            values = [by_precision[precision][at] for precision in PRECISIONS]
            cells = [f"{statistics.median(v):,.0f} ({min(v):,.0f} to {max(v):,.0f})" for v in values]
            ratio = statistics.median(ours / theirs for ours, theirs in zip(values[1], values[0]))
            lines.append(f"| {sweep} {at} | {' | '.join(cells)} | {ratio:.2f} |")
    return lines
