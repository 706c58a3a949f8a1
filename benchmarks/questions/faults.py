"""What does a lost executor cost? One executor of a local cluster is killed at a random moment of training."""

import random
import statistics
import tempfile
import time
from pathlib import Path

import os
import signal

from . import runs

TITLE = "An executor killed in the middle of training"
KILLS = 10
SETTINGS = ["--strategy", "deepspark", "--workers", "2", "--iterations", "300", "--eval-every", "10"]


def answer(arguments):
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        whole = [_run(arguments.data, Path(name) / f"whole-{seed}", seed, None) for seed in range(3)]
        killed = [_run(arguments.data, Path(name) / f"killed-{n}", n % 3, rng.uniform(0.05, 0.9)) for n in range(KILLS)]
        where = runs.circumstances(Path(name) / "whole-0")
    yield {
        "question": "faults",
        **where,
        "data": arguments.name,
        "n": KILLS,
        "whole": [run["accuracy"] for run in whole],
        "killed": [run["accuracy"] for run in killed],
        "samples": sorted({run["samples"] for run in whole + killed}),
        "faults": [run["faults"] for run in killed],
    }


def _run(data, out, seed, moment):
    """One run; with `moment`, an executor is killed once that part of the budget is done."""
    process = runs.submit("local-cluster[2,1,1024]", ["--data", data, "--seed", str(seed), "--out", str(out), *SETTINGS])
    if moment is not None:
        _await(process, out, moment)
        victim = random.Random(seed).choice(_executors(process.pid))
        os.kill(victim, signal.SIGKILL)
    runs.wait(process)
    events = runs.events(out)
    exchanged = [event for event in events if event["event"] == "exchange"]
    return {
        "accuracy": events[-1]["accuracy"],
        "samples": max(event["samples"] for event in exchanged),
        "faults": sum(event["event"] == "fault" for event in events),
    }


def _await(process, out, moment):
    budget = 2 * 300 * 100
    while process.poll() is None:
        time.sleep(0.05)
        if not (out / "metrics.jsonl").exists():
            continue
        done = [event["samples"] for event in runs.events(out) if event["event"] == "exchange"]
        if done and max(done) >= moment * budget:
            return


def _executors(root):
    """Executor processes below the run that we started."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = stat.read_text().split(" ", 1)
            parents[int(pid)] = int(rest.rsplit(")", 1)[1].split()[1])
        except OSError:
            continue  # it ended meanwhile
    ours, found = {root}, []
    for _ in range(len(parents)):
        more = {pid for pid, parent in parents.items() if parent in ours} - ours
        if not more:
            break
        ours |= more
    for pid in ours:
        try:
            if b"CoarseGrainedExecutorBackend" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
        except OSError:
            continue
    return sorted(found)


def table(rows):
    lines = [
        "`deepspark`, two workers in `local-cluster[2,1,1024]`, 600 minibatches of 100 in all; one executor gets SIGKILL at",
        "a random moment of the budget. Test accuracy in per cent.",
        "",
        "| when | data | runs without a loss | n | runs with a loss: mean (least to most) | samples trained, all runs | faults told |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        whole = ", ".join(f"{100 * value:.2f}" for value in row["whole"])
        killed = [100 * value for value in row["killed"]]
        lines.append(
            f"| {row['time'][:10]} | {row['data']} | {whole} | {row['n']} | {statistics.mean(killed):.2f} "
            f"({min(killed):.2f} to {max(killed):.2f}) | {', '.join(map(str, row['samples']))} "
            f"| {min(row['faults'])} to {max(row['faults'])} |"
        )
    return lines
