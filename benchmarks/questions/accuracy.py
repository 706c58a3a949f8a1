"""How good do the nets get? cifar10_quick with Caffe's recipe, 5,000 minibatches of 100 in all, however many workers."""

import statistics

from . import runs

TITLE = "Accuracy of cifar10_quick, 5,000 minibatches in all"


def _variants(seeds):
    """Name, workers (0: without Spark), options, seeds."""
    every = range(seeds)
    yield "sequential", 0, ["--eval-every", "50"], every
    yield "sparknet K 2", 2, ["--tau", "10", "--eval-every", "25"], every
    yield "sparknet K 4", 4, ["--tau", "10", "--eval-every", "25"], every
    averaged = ["--tau", "10", "--eval-every", "25", "--solver-state", "average"]
    yield "sparknet K 4, momentum averaged", 4, averaged, range(1)
    for tau, often in ((1, "250"), (5, "50")):  # is it the period that costs?
        yield f"sparknet K 4, tau {tau}", 4, ["--tau", str(tau), "--eval-every", often], range(1)
    # one machine with the batch that K workers make together, and as many steps as each of them does
    for batch, of_them in ((200, range(1)), (400, every)):
        options = ["--batch", str(batch), "--iterations", str(500_000 // batch), "--eval-every", "25"]
        yield f"sequential, batch {batch}", 0, options, of_them
    yield "sequential, raw pixels", 0, ["--normalize", "none"], every
    # what SparkNet's own application did: no mean and no drop of the rate
    yield "sequential, raw pixels, fixed rate", 0, ["--normalize", "none", "--lr-policy", "fixed"], range(1)


def answer(arguments):
    for name, workers, options, seeds in _variants(arguments.seeds):
        for seed in seeds:
            out = arguments.runs / f"{runs.directory(name)}-seed-{seed}"
            if not (out / "model.safetensors").exists():
                options_of_run = ["--data", arguments.data, "--seed", str(seed), "--out", str(out), *options]
                if workers:
                    spark = ["--workers", str(workers), *options_of_run]
                    runs.wait(runs.submit(f"local[{workers}]", spark))
                else:
                    runs.wait(runs.sequential(options_of_run))
            yield row_of(arguments, name, seed, out)


def row_of(arguments, name, seed, out):
    """What the run in `out` says; its curve is by minibatches of 100, all workers together."""
    events = runs.events(out)
    curve = {event["samples"] // 100: event["accuracy"] for event in events if event["event"] == "eval"}
    return {
        "question": "accuracy",
        **runs.circumstances(out),
        "data": arguments.name,
        "variant": name,
        "seed": seed,
        "accuracy": events[-1]["accuracy"],
        "curve": curve,
    }


def table(rows):
    lines = [
        "Caffe's recipe; each worker does 5,000 / K local steps and drops its rate at four fifths. Test accuracy in per",
        "cent, mean over the seeds and, for the last, standard deviation.",
        "",
        "| data | what | seeds | 500 | 1,000 | 2,000 | 4,000 | 5,000 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (data, variant), by_seed in runs.by_seed(rows, "data", "variant").items():
        cells = []
        for at in (500, 1000, 2000, 4000):
            values = [row["curve"][str(at)] for row in by_seed.values() if str(at) in row["curve"]]
            cells.append(f"{100 * statistics.mean(values):.1f}" if len(values) == len(by_seed) else "")
        last = [100 * row["accuracy"] for row in by_seed.values()]
        spread = f" ± {statistics.stdev(last):.2f}" if len(last) > 1 else ""
        cells.append(f"{statistics.mean(last):.2f}{spread}")
        lines.append(f"| {data} | {variant} | {', '.join(map(str, sorted(by_seed)))} | " + " | ".join(cells) + " |")
    return lines
