"""Does a net learn as it does in PyTorch? ResNet-20 for ten epochs with configs/resnet20.json, beside PyTorch's same run."""

import json
import sys
import tempfile
from pathlib import Path

from . import runs

TITLE = "ResNet-20 for ten epochs, beside PyTorch"
CONFIG = runs.ROOT / "configs" / "resnet20.json"
RECIPE = json.loads(CONFIG.read_text())
EPOCH = 50_000 // RECIPE["batch"]  # local steps over CIFAR-10's training set
BORDER = "reflect" if "crop-reflect" in RECIPE["augment"] else "black"
TAU = 10


def _ours(arguments, seed, out):
    whole = {key: value for key, value in RECIPE.items() if key != "epochs"}  # of minibatches, so that an epoch ends a round
    config = out.with_suffix(".json")
    config.write_text(json.dumps({**whole, "iterations": RECIPE["epochs"] * EPOCH}))
    options = ["--config", str(config), "--data", arguments.data, "--precision", arguments.precision, "--seed", str(seed)]
    options += ["--tau", str(TAU), "--eval-every", str(EPOCH // TAU), "--threads", "2"]
    runs.wait(runs.sequential([*options, "--out", str(out)]))
    return [[e["seconds"], e["accuracy"]] for e in runs.events(out) if e["event"] == "eval"][: RECIPE["epochs"]]


def _theirs(arguments, seed, out):
    options = ["--data", arguments.data, "--out", str(out), "--precision", arguments.precision, "--seed", str(seed)]
    options += ["--batch", str(RECIPE["batch"]), "--lr", str(RECIPE["lr"]), "--momentum", str(RECIPE["momentum"])]
    options += ["--weight-decay", str(RECIPE["weight-decay"]), "--epochs", str(RECIPE["epochs"])]
    options += ["--lr-policy", RECIPE["lr-policy"], "--border", BORDER]
    options += ["--nesterov"] if RECIPE["solver"] == "nesterov" else []
    runs.python("peers", "peers.train", options)
    return [[line["seconds"], line["accuracy"]] for line in map(json.loads, out.read_text().splitlines())]


def answer(arguments):
    runs.require_python("peers")
    if not (Path(arguments.data) / "data_batch_1.bin").exists():
        sys.exit(f"bench: no data_batch_1.bin in {arguments.data}: question curve is of CIFAR-10's binary files")
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as name:
            ours = _ours(arguments, seed, Path(name) / "ours")
            where = runs.circumstances(Path(name) / "ours")
            theirs = _theirs(arguments, seed, Path(name) / "theirs.jsonl")
        asked = {"data": arguments.name, "precision": arguments.precision, "seed": seed}
        yield {"question": "curve", **where, **asked, "firesteel": ours, "pytorch": theirs}


def table(rows):
    epochs = range(1, RECIPE["epochs"] + 1)
    lines = [
        f"`{CONFIG.relative_to(runs.ROOT)}`: Nesterov, a rate that rises and falls in straight lines, flips and reflected crops; two",
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
