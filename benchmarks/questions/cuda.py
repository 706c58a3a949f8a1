"""Does a GPU train as the processor does? The same 20 steps on both, and images a second of the GPU."""

import os
import tempfile
from pathlib import Path

from . import runs

TITLE = "On a GPU against the processor"
NETS = ("cifar10_quick", "resnet20")
STEPS = 20  # whose losses are compared
ROUNDS = 200  # of ten steps, whose speed is measured
CLOSE = 1e-3  # of a loss: cuDNN adds in another order


def answer(arguments):
    for net in NETS:
        with tempfile.TemporaryDirectory() as home:
            losses = {device: _losses(arguments, net, device, Path(home)) for device in ("cpu", "cuda")}
            apart = max(abs(one - other) for one, other in zip(losses["cpu"], losses["cuda"]))
            out = Path(home) / "speed"
            _run(arguments, net, "cuda", out, "--tau", "10", "--iterations", str(10 * ROUNDS))
            yield {
                "question": "cuda",
                **runs.circumstances(out),
                "data": arguments.name,
                "net": net,
                "device": runs.events(out)[1]["devices"][0],
                "apart": apart,
                "images_per_second": round(runs.steady(out)),
            }


def _losses(arguments, net, device, home):
    out = home / device
    _run(arguments, net, device, out, "--tau", "1", "--iterations", str(STEPS))
    return [event["loss"] for event in runs.events(out) if event["event"] == "round"]


def _run(arguments, net, device, out, *more):
    """A run of `sequential` on the libtorch that FIRESTEEL_LIBTORCH names; it ends the benchmark where there is no GPU."""
    libtorch = os.environ.get("FIRESTEEL_LIBTORCH")
    settings = {"LD_LIBRARY_PATH": str(Path(libtorch) / "lib")} if libtorch else {}
    options = ["--data", arguments.data, "--net", net, "--device", device, "--eval-every", "1000000", "--out", str(out)]
    runs.wait(runs.sequential([*options, *more], **settings))


def table(rows):
    lines = [
        f"Runs of `sequential`: the largest difference of a loss in the first {STEPS} steps between the GPU and the processor",
        f"({CLOSE} at most is meant), and images a second of the GPU after the first {runs.WARM_UP} rounds.",
        "",
        "| when | libtorch | data | net | device | largest difference | images a second |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        apart = f"{row['apart']:.1e}{'' if row['apart'] <= CLOSE else ', too much'}"
        cells = [row["time"][:10], row["versions"]["libtorch"], row["data"], row["net"], row["device"], apart]
        lines.append(f"| {' | '.join(cells)} | {row['images_per_second']:,} |")
    return lines
