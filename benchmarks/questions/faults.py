"""What does a lost executor cost? One executor of a local cluster is killed at a random moment of training, by strategy.

A row a run; what has a row is not measured again, so that an interrupted answer goes on where it stopped.
"""

import hashlib
import os
import random
import signal
import statistics
import subprocess
import time

from . import processes, results, runs

TITLE = "An executor killed in the middle of training"
WORKERS, ITERATIONS = 2, 200
SEEDS = 3  # of the runs without a loss, and in turn of those with one
LIMIT_SECONDS = 240  # a run should take 20 to 40, by the size of its minibatch; one that is not over by then hangs
POLL_SECONDS = 0.05
COMMON = ["--workers", str(WORKERS), "--iterations", str(ITERATIONS), "--eval-every", "10"]
# By kind, what the runs say in turn. In rounds the solver's state travels or is zero, so that the bits are promised.
KINDS = {
    "rounds": [["--solver-state", "average"], ["--consistency", "rounds", "--solver-state", "reset"]],
    "bsp": [["--consistency", "bsp", "--solver-state", "reset"]],
    "easgd": [["--strategy", "easgd"]],
    "deepspark": [["--strategy", "deepspark"]],
    "ssp": [["--strategy", "deepspark", "--consistency", "ssp", "--staleness", "4"]],
    "easgd, 2 exchangers": [["--strategy", "easgd", "--exchangers", "2"]],
}
SAME_BITS = ("rounds", "bsp")  # kinds whose model may be expected to be the one of a run without a loss


def answer(arguments):
    there = {_identity(row) for row in results.rows() if _identity(row)}
    wanted = arguments.sides or list(KINDS)
    for asked in _asked(arguments):
        if asked["kind"] in wanted and _identity(asked) not in there:
            yield {**asked, **_run(arguments, asked)}


def _asked(arguments):
    """First each kind without a loss, then with one, the kinds in turn."""
    for kind, variants in KINDS.items():
        for seed in range(SEEDS):
            for options in variants:
                yield _question(arguments, kind, options, seed, None)
    for kill in range(arguments.kills):
        for kind, variants in KINDS.items():
            yield _question(arguments, kind, variants[kill % len(variants)], kill // len(variants) % SEEDS, kill)


def _question(arguments, kind, options, seed, kill):
    asked = {"question": "faults", "data": arguments.name, "precision": arguments.precision, "batch": arguments.batch}
    return {**asked, "kind": kind, "options": " ".join(options), "seed": seed, "kill": kill}


def _settings(row):
    """What runs must share to be compared; rows that do not tell had these."""
    return row["data"], row.get("precision", "bf16"), row.get("batch", 100)


def _identity(row):
    """None for rows that were written before runs had a row each."""
    if row["question"] != "faults" or "kind" not in row:
        return None
    return *_settings(row), *(row[key] for key in ("kind", "options", "seed", "kill"))


def _budget(row):
    """Images of all workers."""
    return WORKERS * ITERATIONS * row["batch"]


def _run(arguments, asked):
    out = runs.fresh(arguments.runs, asked)
    options = ["--data", arguments.data, "--precision", asked["precision"], "--batch", str(asked["batch"])]
    options += ["--seed", str(asked["seed"]), "--out", str(out), *COMMON, *asked["options"].split()]
    log = out.parent / f"{out.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        process = runs.submit("local-cluster[2,1,1024]", options, errors=errors)
        begin = time.monotonic()
        killed = _kill(process, out, asked, begin) if asked["kill"] is not None else None
        watched = _watch(process, out, begin, killed)
    row = {"load": round(os.getloadavg()[0], 1), "outcome": watched["outcome"], **{key: watched[key] for key in ("next_seconds", "all_seconds")}}
    events = runs.events(out)
    if events:
        row.update(runs.circumstances(out))
    if row["outcome"] == "ok":
        done = [event for event in events if event["event"] in ("round", "exchange")]
        row["exact"] = max(event["samples"] for event in done) == _budget(asked)
        row["accuracy"] = events[-1]["accuracy"]
        row["model"] = _digest(out / "model.safetensors")
    else:
        lines = log.read_text(errors="replace").splitlines()
        row["error"] = next((line for line in reversed(lines) if line.startswith("firesteel:")), lines[-1] if lines else "")[:500]
    row["faults"] = [f"{event['what']}: {event['action']}" for event in events if event["event"] == "fault"]
    return row


def _kill(process, out, asked, begin):
    """Kills one executor once a random part of the budget is done, and a random part of a round later; answers when, and
    how many events there were."""
    rng = random.Random(f"{asked['kind']} {asked['kill']}")
    part, later = rng.uniform(0.05, 0.85), rng.uniform(0, 0.6)
    while process.poll() is None and time.monotonic() - begin < LIMIT_SECONDS:
        done = [event["samples"] for event in runs.events(out) if event["event"] in ("round", "exchange")]
        if done and max(done) >= part * _budget(asked):
            break
        time.sleep(POLL_SECONDS)
    time.sleep(later)
    alive = processes.executors(process.pid)
    if not alive:
        return None  # over before its moment came; the row says so by having no times
    seen = len(runs.events(out))
    os.kill(rng.choice(alive), signal.SIGKILL)
    return time.monotonic(), seen


def _watch(process, out, begin, killed):
    """Waits for the run's end. Seconds from the kill to the next round or exchange of anybody, and until every worker has
    had one after the loss was noticed."""
    times = {"next_seconds": None, "all_seconds": None}
    while process.poll() is None and time.monotonic() - begin < LIMIT_SECONDS:
        if killed and times["all_seconds"] is None:
            moment, seen = killed
            after = runs.events(out)[seen:]
            passed = round(time.monotonic() - moment, 2)
            if times["next_seconds"] is None and any(event["event"] in ("round", "exchange") for event in after):
                times["next_seconds"] = passed
            if _all_went_on(after):
                times["all_seconds"] = passed
        time.sleep(POLL_SECONDS)
    status = process.poll()
    if status is None:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return {"outcome": "hang", **times}
    return {"outcome": "ok" if status == 0 else "failed", **times}


def _all_went_on(events):
    noticed = [n for n, event in enumerate(events) if event["event"] == "fault"]
    later = events[noticed[0] :] if noticed else []
    return any(event["event"] == "round" for event in later) or {
        event["worker"] for event in later if event["event"] == "exchange"
    } == set(range(WORKERS))


def _digest(model):
    """Of the weights alone: a header of metadata stands before them, whose length is in the first eight bytes."""
    held = model.read_bytes()
    return hashlib.sha256(held[8 + int.from_bytes(held[:8], "little") :]).hexdigest()[:16]


def table(rows):
    rows = [row for row in {_identity(row): row for row in rows if _identity(row)}.values()]
    lines = [
        f"Two workers in `local-cluster[2,1,1024]`, cifar10_quick, tau 10, {WORKERS * ITERATIONS} minibatches in all; one",
        "executor gets SIGKILL at a random moment between 5 and 85 % of the budget. A run that takes longer than",
        f"{LIMIT_SECONDS} s hangs. Test accuracy in per cent: mean (least to most). Seconds are from the signal to the next finished",
        "round or exchange of any worker, and until every worker has had one since the loss was noticed: median, worst. Same",
        "bits: models equal to the one of the run with the same seed and options without a loss. Load: of the machine during the",
        "last minute of a run with a loss, median; a run alone makes about 2.",
        "",
        "| kind | data | precision | batch | kills | hangs | failed | budget exact | accuracy without a loss | with one | next, s | all, s | same bits | load |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for settings in sorted({_settings(row) for row in rows}):
        for kind in KINDS:
            lines += _line(settings, kind, [row for row in rows if (_settings(row), row["kind"]) == (settings, kind)])
    return lines


def _line(settings, kind, rows):
    whole = {(row["options"], row["seed"]): row for row in rows if row["kill"] is None and row["outcome"] == "ok"}
    killed = [row for row in rows if row["kill"] is not None]
    ended = [row for row in killed if row["outcome"] == "ok"]
    if not killed:
        return []
    count = lambda outcome: sum(row["outcome"] == outcome for row in killed)
    pairs = [(row, whole.get((row["options"], row["seed"]))) for row in ended]
    same = [row["model"] == other["model"] for row, other in pairs if other]
    bits = f"{sum(same)} of {len(same)}" if kind in SAME_BITS else "not promised"
    return [
        f"| {kind} | {' | '.join(map(str, settings))} | {len(killed)} | {count('hang')} | {count('failed')} | {sum(row['exact'] for row in ended)} of {len(killed)} "
        f"| {_spread([row['accuracy'] for row in whole.values()])} | {_spread([row['accuracy'] for row in ended])} "
        f"| {_worst(ended, 'next_seconds')} | {_worst(ended, 'all_seconds')} | {bits} "
        f"| {statistics.median(row['load'] for row in killed):.1f} |"
    ]


def _spread(values):
    if not values:
        return "-"
    percent = [100 * value for value in values]
    return f"{statistics.mean(percent):.2f} ({min(percent):.2f} to {max(percent):.2f})"


def _worst(rows, key):
    values = [row[key] for row in rows if row[key] is not None]
    return f"{statistics.median(values):.1f}, {max(values):.1f}" if values else "-"
