"""Does a net learn photographs as it does in PyTorch? configs/photographs.json on class folders, beside PyTorch's same run."""

import statistics
import sys
import tempfile
from pathlib import Path

from . import results, runs
from .recipes import Recipe

TITLE = "Photographs, beside PyTorch"
CONFIG = "photographs.json"
SIDES = {64: 8, 128: 3}  # pixels, and epochs
PAD = 8  # part of the side that is the border of a crop: an eighth


def _recipe(rows, side):
    return Recipe(CONFIG, rows, threads=1, size=side, augment=f"flip,crop-reflect:{side // PAD}", epochs=SIDES[side])


def _rows(directory):
    if not (Path(directory) / "train").is_dir() or not (Path(directory) / "validation").is_dir():
        sys.exit(f"bench: {directory} has no train and validation: question photographs is of class folders in them")
    return sum(1 for path in (Path(directory) / "train").glob("*/*") if path.is_file())


def answer(arguments):
    runs.require_python("peers")
    rows = _rows(arguments.data)
    there = {_identity(row) for row in results.rows() if row["question"] == "photographs"}
    for side in SIDES:
        for seed in range(arguments.seeds):
            asked = {"data": arguments.name, "precision": arguments.precision, "side": side, "seed": seed}
            if _identity(asked) not in there:
                yield {"question": "photographs", **_run(arguments, seed, _recipe(rows, side)), **asked, "images": rows}


def _run(arguments, seed, recipe):
    with tempfile.TemporaryDirectory() as name:
        out, lines = Path(name) / "ours", Path(name) / "theirs.jsonl"
        options = ["--strategy", "sequential", *recipe.options(arguments, seed, out)]
        ours = runs.submit("local[1]", options)  # beside PyTorch, so that both have the same machine at the same time
        theirs = recipe.theirs(arguments, seed, lines)
        runs.wait(ours)
        return {**runs.circumstances(out), "firesteel": recipe.ours(out), "pytorch": theirs}


def _identity(row):
    return row["data"], row["precision"], row["side"], row["seed"]


def table(rows):
    lines = [
        f"`configs/{CONFIG}`: ResNet-18 from random weights, Nesterov, a rate that rises and falls in straight lines, flips and",
        "reflected crops; both at once, a thread each. Accuracy on the validation folders in per cent after the last epoch: mean and",
        "standard deviation over the seeds; images a second while training: median, least and most.",
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
