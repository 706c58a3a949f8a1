"""Does it matter from what a table of images is read? CIFAR's own files, PNG files by `binaryFile`, and class folders."""

import json
import statistics
from datetime import datetime, timezone

from . import runs

TITLE = "Fitting a table of image files"
NET, EPOCHS = "cifar10_quick", 2


def answer(arguments):
    options = ["--jar", runs.jar(), "--data", arguments.data, "--net", NET, "--precision", arguments.precision]
    options += ["--epochs", str(EPOCHS), "--seeds", str(arguments.seeds)]
    told = json.loads(runs.python("peers", "peers.tables", options).splitlines()[-1])
    yield {
        "question": "tables",
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "hardware": runs.hardware(),
        "data": arguments.name,
        "net": NET,
        "precision": arguments.precision,
        "epochs": EPOCHS,
        "n": arguments.seeds,
        **told,
    }


def table(rows):
    lines = [
        "`CnnClassifier.fit` on two cores, from CIFAR's binary files (`cifar`) and from a PNG file for each image. Loading is all before",
        "the first local step: finding the files, counting, dividing, decoding. Medians over n seeds, smallest to largest.",
        "",
        "| when | hardware | versions | data | net, precision, epochs | n | table | loading, s | images/s | ratio to `cifar` | test accuracy, % |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        hardware, plain = row["hardware"], [fit["images_per_second"] for fit in row["sides"]["cifar"]]
        for side, fits in row["sides"].items():
            speeds, accuracies = [fit["images_per_second"] for fit in fits], [100 * fit["accuracy"] for fit in fits]
            ratios = [ours / theirs for ours, theirs in zip(speeds, plain)]
            lines.append(
                f"| {row['time'][:10]} | {hardware['cpu']}, {hardware['cores']} cores | Spark {row['versions']['spark']} "
                f"| {row['data']}, {row['files']:,} images | {row['net']}, {row['precision']}, {row['epochs']} | {row['n']} | `{side}` "
                f"| {statistics.median(fit['loading'] for fit in fits):.1f} | {statistics.median(speeds):.0f} "
                f"| {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) "
                f"| {statistics.median(accuracies):.2f} ({min(accuracies):.2f} to {max(accuracies):.2f}) |"
            )
    return lines
