"""How fast are rounds after a loss? A standalone cluster of one machine on loopback, whose executors have one core each:
one of two is killed, or decommissioned, and the cluster starts another."""

import os
import random
import signal
import statistics
import tempfile
import time
from pathlib import Path

from . import clusters, processes, runs

TITLE = "Rounds after a loss, on a standalone cluster"
TAU, ROUNDS, LOST_AFTER = 10, 60, 15  # the run goes on for a while with the executor that came
STEADY = 15  # rounds at the end that are compared with those before the loss
DECOMMISSION = ["--conf", "spark.decommission.enabled=true"]
STORAGE = [
    *DECOMMISSION,
    "--conf", "spark.storage.decommission.enabled=true",
    "--conf", "spark.storage.decommission.rddBlocks.enabled=true",
    "--conf", "spark.storage.decommission.shuffleBlocks.enabled=true",
]  # fmt: skip
LOSSES = {  # by name: the signal, and what spark-submit is told
    "killed": (signal.SIGKILL, []),
    "decommissioned": (signal.SIGPWR, DECOMMISSION),
    "decommissioned, blocks moved": (signal.SIGPWR, STORAGE),
}
KINDS = {"rounds": ["--consistency", "rounds"], "bsp": ["--consistency", "bsp"]}


def answer(arguments):
    for kind, options in KINDS.items():
        for loss in LOSSES:
            if not arguments.sides or any(part in f"{kind}, {loss}" for part in arguments.sides):
                yield _row(arguments, kind, options, loss)


def _row(arguments, kind, options, loss):
    number, settings = LOSSES[loss]
    with tempfile.TemporaryDirectory() as name, clusters.standalone(Path(name)) as (url, machine):
        out = Path(name) / "run"
        process = runs.submit(
            url,
            ["--data", arguments.data, "--batch", str(arguments.batch), "--workers", "2", "--tau", str(TAU), "--iterations", str(TAU * ROUNDS)]
            + ["--eval-every", str(ROUNDS), "--out", str(out), *options],
            [*clusters.TWO_EXECUTORS, *settings],
        )
        while process.poll() is None and len(_rounds(out)) < LOST_AFTER:
            time.sleep(0.05)
        os.kill(random.Random(loss).choice(processes.executors(machine)), number)
        runs.wait(process)
        events, ends = runs.events(out), _rounds(out)
        lengths = [later - earlier for earlier, later in zip(ends, ends[1:])]
        before, after = statistics.median(lengths[2 : LOST_AFTER - 1]), statistics.median(lengths[-STEADY:])
        return {
            "question": "recovery",
            **runs.circumstances(out),
            "data": arguments.name,
            "batch": arguments.batch,
            "kind": kind,
            "loss": loss,
            "round_seconds_before": round(before, 3),
            "round_seconds_after": round(after, 3),
            "slow_rounds": [round(length, 2) for length in lengths[LOST_AFTER - 1 :] if length > 1.4 * before],
            "faults": [f"{event['what']}: {event['action']}" for event in events if event["event"] == "fault"],
        }


def _rounds(out):
    """When each round was over, in seconds of training; inside one stage, each exchange of the slower worker."""
    events = runs.events(out)
    exchanges = {}
    for event in events:
        if event["event"] == "exchange":
            exchanges.setdefault(event["worker"], []).append(event["seconds"])
    by_worker = sorted(exchanges.values(), key=len)
    return [event["seconds"] for event in events if event["event"] == "round"] or (by_worker[0] if len(by_worker) == 2 else [])


def table(rows):
    lines = [
        "A standalone master and one machine of two cores on loopback, `--executor-cores 1 --total-executor-cores 2`, two",
        f"workers, cifar10_quick, tau {TAU}, {ROUNDS} rounds; after round {LOST_AFTER} one executor gets SIGKILL, or SIGPWR with",
        "`spark.decommission.enabled` (and with `spark.storage.decommission.*`). Seconds of a round: medians before the loss and",
        f"over the last {STEADY} rounds; slower rounds are those of more than 1.4 times the former since the loss.",
        "",
        "| when | batch | kind | executor | before, s | after, s | speed after to before | slower rounds, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in {(row["data"], row.get("batch", 100), row["kind"], row["loss"]): row for row in rows}.values():
        before, after = row["round_seconds_before"], row["round_seconds_after"]
        lines.append(
            f"| {row['time'][:10]} | {row.get('batch', 100)} | {row['kind']} | {row['loss']} | {before:.2f} | {after:.2f} | {before / after:.2f} "
            f"| {', '.join(f'{seconds:.2f}' for seconds in row['slow_rounds']) or 'none'} |"
        )
    return lines
