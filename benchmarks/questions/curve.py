"""Does a net learn as it does in PyTorch? ResNet-20 for ten epochs with configs/resnet20.json, beside PyTorch's same run."""

import sys
import tempfile
from pathlib import Path

from . import runs
from .recipes import Recipe

TITLE = "ResNet-20 for ten epochs, beside PyTorch"
RECIPE = Recipe("resnet20.json", rows=50_000, threads=2)  # of CIFAR-10's training set


def answer(arguments):
    runs.require_python("peers")
    if not (Path(arguments.data) / "data_batch_1.bin").exists():
        sys.exit(f"bench: no data_batch_1.bin in {arguments.data}: question curve is of CIFAR-10's binary files")
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as name:
            out = Path(name) / "ours"
            runs.wait(runs.sequential(RECIPE.options(arguments, seed, out)))
            ours, where = RECIPE.ours(out), runs.circumstances(out)
            theirs = RECIPE.theirs(arguments, seed, Path(name) / "theirs.jsonl")
        asked = {"data": arguments.name, "precision": arguments.precision, "seed": seed}
        yield {"question": "curve", **where, **asked, "firesteel": ours, "pytorch": theirs}


def table(rows):
    epochs = range(1, RECIPE.epochs + 1)
    lines = [
        f"`{RECIPE.path.relative_to(runs.ROOT)}`: Nesterov, a rate that rises and falls in straight lines, flips and reflected crops; two",
        "threads. Test accuracy in per cent after each epoch, and seconds of training, evaluation apart.",
        "",
        f"| data | precision | seed | what | {' | '.join(map(str, epochs))} | seconds |",
        f"|---|---|---|---|{'---|' * len(epochs)}---|",
    ]
    latest = {(row["data"], row["precision"], row["seed"]): row for row in rows}  # a later row replaces the earlier
    for (data, precision, seed), row in latest.items():
        for what, key in (("Firesteel", "firesteel"), ("PyTorch", "pytorch")):
            cells = " | ".join(f"{100 * accuracy:.1f}" for _, accuracy in row[key])
            lines.append(f"| {data} | {precision} | {seed} | {what} | {cells} | {row[key][-1][0]:.0f} |")
    return lines
