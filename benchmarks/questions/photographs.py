"""Does a net learn photographs as it does in PyTorch? configs/photographs.json on class folders, beside PyTorch's same run."""

import statistics
import sys
import tempfile
from pathlib import Path

from . import results, runs
from .recipes import THREADS, Recipe

TITLE = "Photographs, beside PyTorch"
CONFIG = "photographs.json"
SIDES = {64: 15, 128: 10}  # pixels, and epochs
PAD = 8  # part of the side that is the border of a crop: an eighth


def _recipe(rows, side):
    return Recipe(CONFIG, rows, size=side, augment=f"flip,crop-reflect:{side // PAD}", epochs=SIDES[side])


def _rows(directory):
    if not (Path(directory) / "train").is_dir() or not (Path(directory) / "validation").is_dir():
        sys.exit(f"bench: {directory} has no train and validation: question photographs is of class folders in them")
    return sum(1 for path in (Path(directory) / "train").glob("*/*") if path.is_file())


def answer(arguments):
    runs.require_python("peers")
    rows = _rows(arguments.data)
    there = {_identity(row) for row in results.rows() if row["question"] == "photographs"}
    for seed in range(arguments.seeds):
        for side in SIDES:
            asked = {"data": arguments.name, "precision": arguments.precision, "side": side, "seed": seed}
            if _identity(asked) not in there:
                yield {"question": "photographs", **_run(arguments, seed, _recipe(rows, side)), **asked, "images": rows}


def _run(arguments, seed, recipe):
    with tempfile.TemporaryDirectory() as name:
        out, lines = Path(name) / "ours", Path(name) / "theirs.jsonl"
        theirs = recipe.theirs(arguments, seed, lines) if seed % 2 else None  # the side that goes first changes
        options = ["--strategy", "sequential", *recipe.options(arguments, seed, out)]
        runs.wait(runs.submit(f"local[{THREADS}]", options))
        theirs = theirs or recipe.theirs(arguments, seed, lines)
        return {**runs.circumstances(out), "firesteel": recipe.ours(out), "pytorch": theirs}


def _identity(row):
    return row["data"], row["precision"], row["side"], row["seed"]


def table(rows):
    lines = [
        f"`configs/{CONFIG}`: ResNet-18 from random weights, Nesterov, a rate that rises and falls in straight lines, flips and",
        f"reflected crops; {THREADS} threads. Accuracy on the validation folders in per cent after the last epoch: mean and standard",
        "deviation over the seeds; images a second while training: median, least and most.",
        "",
        "| data | precision | side | epochs | seeds | what | accuracy | images/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (data, precision, side), by_seed in runs.by_seed(rows, "data", "precision", "side").items():
        for what, key in (("Firesteel", "firesteel"), ("PyTorch", "pytorch")):
            ends = [row[key][-1][1] * 100 for row in by_seed.values()]
            speeds = [len(row[key]) * row["images"] / row[key][-1][0] for row in by_seed.values()]
            spread = f" ± {statistics.stdev(ends):.1f}" if len(ends) > 1 else ""
            lines.append(
                f"| {data} | {precision} | {side} | {SIDES[side]} | {', '.join(map(str, sorted(by_seed)))} | {what} "
                f"| {statistics.mean(ends):.1f}{spread} | {statistics.median(speeds):,.0f} ({min(speeds):,.0f} to {max(speeds):,.0f}) |"
            )
    return lines
