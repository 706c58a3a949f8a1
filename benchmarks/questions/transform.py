"""What does a model's `transform` cost over the engine's evaluation, and how does it compare with PyTorch in a `pandas_udf`?"""

import json
import statistics
from datetime import datetime, timezone

from . import runs

TITLE = "Predictions for a table of images"


def answer(arguments):
    options = ["--jar", runs.jar(), "--data", arguments.data, "--net", arguments.net, "--precision", arguments.precision]
    told = json.loads(runs.python("peers", "peers.transform", [*options, "--pairs", str(arguments.pairs)]).splitlines()[-1])
    yield {
        "question": "transform",
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "hardware": runs.hardware(),
        "data": arguments.name,
        "net": arguments.net,
        "precision": arguments.precision,
        "n": arguments.pairs,
        **told,
    }


def table(rows):
    lines = [
        "Images a second on two cores of `CnnClassificationModel.transform`, with all its columns, for a table of images in memory; of",
        "the engine's evaluation of the same images; and of a `pandas_udf` with PyTorch (a thread in each Python worker, Arrow batches",
        "of 512 rows, channels last, a traced and frozen net). Medians over n pairs; ratios of the same pair, smallest to largest.",
        "",
        "| when | hardware | versions | data | net | precision | n | transform | evaluate | ratio | pandas_udf | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        hardware, versions, speeds = row["hardware"], row["versions"], row["speeds"]
        cells = [f"{statistics.median(speeds['transform']):.0f}"]
        for side in ("evaluate", "pandas_udf"):
            ratios = [ours / theirs for ours, theirs in zip(speeds["transform"], speeds[side])]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            cells += [f"{statistics.median(speeds[side]):.0f}", spread]
        lines.append(
            f"| {row['time'][:10]} | {hardware['cpu']}, {hardware['cores']} cores | Spark {versions['spark']}, torch {versions['torch']} "
            f"| {row['data']}, {row['rows']:,} rows | {row['net']} | {row['precision']} | {row['n']} | {' | '.join(cells)} |"
        )
    return lines
