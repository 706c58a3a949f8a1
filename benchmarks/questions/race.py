"""How soon does a net get to 80 %? airbench_32_64_64 with configs/airbench-small.json, two threads in all."""

import statistics

from . import results, runs

TITLE = "To 80 % on two cores"
CONFIG = runs.ROOT / "configs" / "airbench-small.json"
GOAL = 0.8  # test accuracy
STAGE = ["--consistency", "bsp"]
VARIANTS = {  # options; without workers it is one process with two threads
    "sequential, 2 threads": ["--threads", "2"],
    "sparknet, tau 1, one stage": ["--workers", "2", "--tau", "1", *STAGE],
    "sparknet, tau 4, one stage": ["--workers", "2", "--tau", "4", *STAGE],
    "sparknet, tau 10, one stage": ["--workers", "2", "--tau", "10", *STAGE],
    "sparknet, tau 4, a job a round": ["--workers", "2", "--tau", "4"],
    "deepspark, tau 4, alpha 0.45": ["--workers", "2", "--tau", "4", "--strategy", "deepspark", "--alpha", "0.45"],
    "easgd, tau 4, alpha 0.45": ["--workers", "2", "--tau", "4", "--strategy", "easgd", "--alpha", "0.45"],
}
LONG = ("sequential, 2 threads", "sparknet, tau 4, one stage")  # also for five epochs


def _runs(arguments):
    """Epochs, variant, seed; all variants before the next seed."""
    wanted = arguments.sides or [""]
    for epochs, names in ((2, VARIANTS), (5, LONG)):
        for seed in range(arguments.seeds):
            yield from ((epochs, name, seed) for name in names if any(part in name for part in wanted))


def answer(arguments):
    there = {_identity(row) for row in results.rows() if row["question"] == "race"}
    for epochs, name, seed in _runs(arguments):
        asked = {"data": arguments.name, "epochs": epochs, "variant": name, "seed": seed}
        if _identity(asked) not in there:
            out = runs.fresh(arguments.runs, {"question": "race", **asked})
            never = "1000000"  # the center is evaluated when the clock has stopped
            options = ["--config", str(CONFIG), "--data", arguments.data, "--epochs", str(epochs), "--eval-every", never]
            options += ["--seed", str(seed), "--out", str(out), *VARIANTS[name]]
            runs.wait(runs.submit("local[2]", options) if "--workers" in options else runs.sequential(options))
            end = runs.events(out)[-1]
            told = {"accuracy": end["accuracy"], "seconds": end["seconds"]}
            yield {"question": "race", **runs.circumstances(out), **asked, **told}


def _identity(row):
    return row["data"], row["epochs"], row["variant"], row["seed"]


def table(rows):
    lines = [
        f"`{CONFIG.relative_to(runs.ROOT)}` (bf16 where it is faster, test-time flip), two workers of one thread in `local[2]`",
        "or one process of two threads. Seconds of training, evaluation apart: median, least and most. Test accuracy in per",
        f"cent: mean and standard deviation. The last column counts the runs that were at {100 * GOAL:.0f} % or above.",
        "",
        "| data | epochs | strategy | seeds | seconds | accuracy | runs at the goal |",
        "|---|---|---|---|---|---|---|",
    ]
    for (data, epochs, variant), by_seed in sorted(runs.by_seed(rows, "data", "epochs", "variant").items()):
        seconds = [row["seconds"] for row in by_seed.values()]
        reached = [row["accuracy"] for row in by_seed.values()]
        spread = f" ± {100 * statistics.stdev(reached):.2f}" if len(reached) > 1 else ""
        lines.append(
            f"| {data} | {epochs} | {variant} | {', '.join(map(str, sorted(by_seed)))} "
            f"| {statistics.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f}) "
            f"| {100 * statistics.mean(reached):.2f}{spread} | {sum(value >= GOAL for value in reached)} of {len(reached)} |"
        )
    return lines
