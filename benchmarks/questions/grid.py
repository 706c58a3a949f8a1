"""Does a grid search end, and does it leave memory behind? Spark ML's CrossValidator with two fits at once, several times."""

import json
from datetime import datetime, timezone

from . import runs

TITLE = "A grid search of Spark ML, again and again in one process"
ROWS, TIMES = 3000, 5


def answer(arguments):
    options = ["--jar", runs.jar(), "--data", arguments.data, "--rows", str(ROWS), "--times", str(TIMES)]
    told = json.loads(runs.python("peers", "peers.grid", options).splitlines()[-1])
    yield {
        "question": "grid",
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "hardware": runs.hardware(),
        "data": arguments.name,
        "rows": ROWS,
        **told,
    }


def table(rows):
    lines = [
        "`CrossValidator` over two nets (`cifar10_quick`, `resnet20`) and two learning rates, three folds, two fits at once in `local[2]`,",
        "one epoch each. Memory of the process after each search: resident, and heap after a collection; native objects are workers,",
        "exchangers and links. A model that was fitted stays on the heap as long as it is referred to.",
        "",
        "| when | hardware | versions | data | fits | search | seconds | resident, MB | heap, MB | native objects |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        hardware = row["hardware"]
        for number, search in enumerate(row["searches"], 1):
            lines.append(
                f"| {row['time'][:10]} | {hardware['cpu']}, {hardware['cores']} cores | Spark {row['versions']['spark']} "
                f"| {row['data']}, {row['rows']:,} rows | {row['fits']} | {number} | {search['seconds']:.0f} "
                f"| {search['resident']:.0f} | {search['heap']:.0f} | {search['native_objects']} |"
            )
    return lines
