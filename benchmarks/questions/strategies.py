"""Which strategy learns best from the same samples? cifar10_quick, Caffe's recipe, many strategies at one budget."""

import statistics

from . import results, runs

TITLE = "Strategies at equal samples"
LONG, SHORT = 5000, 1500  # minibatches of 100, all workers together
FEW, MANY = 6, 100  # evaluations of a run: they take the cores of training
WINDOW = 20  # evaluations over which the center's accuracy is said to be steady or not


def _long():
    """Name, workers, options; the first three are the same runs as question accuracy's."""
    yield "sequential", 0, []
    for k in (2, 4, 8):
        yield f"sparknet K {k}", k, ["--tau", "10"]
    for k in (2, 4, 8):
        yield f"deepspark K {k}, alpha 0.1", k, ["--strategy", "deepspark", "--tau", "10"]
        elastic = ["--strategy", "deepspark", "--tau", "10", "--alpha", str(0.9 / k)]
        yield f"deepspark K {k}, alpha 0.9 over K", k, elastic
    yield "deepspark K 4, adaptive period", 4, ["--strategy", "deepspark", "--tau", "10", "--period", "adaptive"]


def _short():
    yield "sequential", 0, []
    yield "hogwild, 2 threads", 1, ["--strategy", "hogwild", "--threads", "2", "--tau", "50"]
    variants = {
        "sparknet": [],
        "sparknet, outer nesterov": ["--outer", "nesterov"],
        "sparknet, outer slowmo": ["--outer", "slowmo"],
        "sparknet, outer bmuf": ["--outer", "bmuf"],
        "easgd": ["--strategy", "easgd"],
        "deepspark": ["--strategy", "deepspark"],
        "deepspark, ssp 4": ["--strategy", "deepspark", "--consistency", "ssp", "--staleness", "4"],
        "deepspark, overlap": ["--strategy", "deepspark", "--overlap"],
        "deepspark, bf16 on the wire": ["--strategy", "deepspark", "--codec", "bf16"],
        "deepspark, int8 on the wire": ["--strategy", "deepspark", "--codec", "int8"],
        "easgd-async": ["--strategy", "easgd-async"],
        "eamsgd": ["--strategy", "eamsgd"],
        "downpour": ["--strategy", "downpour"],
        "downpour, Adagrad 0.001": ["--strategy", "downpour", "--adagrad-lr", "0.001"],
        # pushes of several workers add up, each with the momentum of its own: the same rate without one
        "downpour, lr 0.01, momentum 0": ["--strategy", "downpour", "--lr", "0.01", "--momentum", "0"],
        "adag": ["--strategy", "adag"],
        "dynsgd": ["--strategy", "dynsgd"],
        "dcasgd": ["--strategy", "dcasgd"],
        "dcasgd, lr 0.01, momentum 0": ["--strategy", "dcasgd", "--lr", "0.01", "--momentum", "0"],
        "async-nesterov": ["--strategy", "async-nesterov"],
        # the rate divided by the workers whose pushes add up
        "downpour, lr 0.00025": ["--strategy", "downpour", "--lr", "0.00025"],
        "dcasgd, lr 0.00025": ["--strategy", "dcasgd", "--lr", "0.00025"],
    }
    for tau in (10, 50):
        for name, options in variants.items():
            yield f"{name}, tau {tau}", 4, ["--tau", str(tau), *options]


def _stability():
    yield "sparknet", 4, ["--tau", "10"]
    yield "deepspark, alpha 0.1", 4, ["--strategy", "deepspark", "--tau", "10"]
    yield "deepspark, alpha 0.9 over K", 4, ["--strategy", "deepspark", "--tau", "10", "--alpha", str(0.9 / 4)]


GROUPS = {"long": (LONG, FEW, _long), "short": (SHORT, FEW, _short), "stability": (LONG, MANY, _stability)}


def answer(arguments):
    group = arguments.group
    minibatches, evaluations, variants = GROUPS[group]
    there = {_identity(row) for row in results.rows() if row["question"] == "strategies"}
    for seed in range(arguments.seeds):
        for name, workers, options in variants():
            asked = {"data": arguments.name, "group": group, "variant": name, "seed": seed, "precision": arguments.precision}
            if _identity(asked) not in there:
                out = runs.fresh(arguments.runs, asked)
                _run(arguments.data, minibatches, evaluations, seed, out, workers, [*options, "--precision", arguments.precision])
                yield _row(asked, out)


def _identity(row):
    return row["data"], row["group"], row["variant"], row["seed"], row["precision"]


def _run(data, minibatches, evaluations, seed, out, workers, options):
    of_run = ["--data", data, "--seed", str(seed), "--out", str(out), *options]
    iterations = str(minibatches // max(workers, 1))
    tau = int(options[options.index("--tau") + 1]) if workers else 10
    every = str(max(1, minibatches // (evaluations * max(workers, 1) * tau)))
    ours = ["--iterations", iterations, "--eval-every", every, *of_run]
    if not workers:
        runs.wait(runs.sequential(ours))
    elif runs.submit(f"local[{workers}]", ["--workers", str(workers), *ours]).wait() != 0:
        print(f"{out.name} failed")  # one that diverges does; its row says so


def _row(asked, out):
    events = runs.events(out)
    evaluations = [(event["samples"], event["accuracy"]) for event in events if event["event"] == "eval"]
    turns = [event for event in events if event["event"] == "exchange"]
    stale = [event["staleness"] for event in turns]
    return {
        "question": "strategies",
        **runs.circumstances(out),
        **asked,
        "accuracy": events[-1].get("accuracy") if events[-1]["event"] == "end" else None,
        "best": max((accuracy for _, accuracy in evaluations), default=None),
        "seconds": events[-1].get("seconds"),
        "staleness": statistics.mean(stale) if stale else None,
        "exchanges": len(stale),
        "computing": sum(event["computing"] for event in turns),
        "exchanging": sum(event["exchanging"] for event in turns),
        "evaluations": evaluations,
    }


def table(rows):
    lines = []
    for group, (minibatches, _, _) in GROUPS.items():
        mine = [row for row in rows if row["group"] == group]
        if mine and group == "stability":
            lines += ["### How steady the center is", "", *_steadiness(mine), ""]
        elif mine:
            lines += [f"### {minibatches:,} minibatches of 100, all workers together", "", *_group(mine), ""]
    return lines[:-1]


def _steadiness(rows):
    lines = [
        f"{MANY} evaluations of the center in one run of {LONG:,} minibatches, K 4, tau 10: standard deviation of its accuracy in",
        f"points over {WINDOW} evaluations in a row, early (from a fifth of the run on) and at the end, and the same of what is",
        "left after a straight line is taken away, since early the accuracy also rises.",
        "",
        "| data | strategy | seed | early | early, without the trend | last | last, without the trend |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        seen = [100 * accuracy for _, accuracy in row["evaluations"]]
        cells = []
        for window in (seen[len(seen) // 5 :][:WINDOW], seen[-WINDOW:]):
            slope, intercept = statistics.linear_regression(range(WINDOW), window)
            rest = [accuracy - intercept - slope * at for at, accuracy in enumerate(window)]
            cells += [f"{statistics.stdev(window):.2f}", f"{statistics.stdev(rest):.2f}"]
        lines.append(f"| {row['data']} | {row['variant']} | {row['seed']} | {' | '.join(cells)} |")
    return lines


def _group(rows):
    lines = [
        "Test accuracy of the last center in per cent, mean over the seeds and standard deviation; staleness is the mean",
        "number of center updates between a worker's pull and its push. K is 4 where the name does not say another.",
        "`local[K]` on two cores: workers beyond two share them, so seconds say nothing of speed.",
        "",
        "| data | precision | strategy | seeds | accuracy | best evaluation | staleness | exchanges |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (data, precision, variant), by_seed in runs.by_seed(rows, "data", "precision", "variant").items():
        done = [100 * row["accuracy"] for row in by_seed.values() if row["accuracy"] is not None]
        failed = len(by_seed) - len(done)
        spread = f" ± {statistics.stdev(done):.2f}" if len(done) > 1 else ""
        accuracy = f"{statistics.mean(done):.2f}{spread}" if done else ""
        accuracy += f" ({failed} ended without one)" if failed else ""
        best = max((100 * row["best"] for row in by_seed.values() if row["best"] is not None), default=None)
        stale = [row["staleness"] for row in by_seed.values() if row["staleness"] is not None]
        lines.append(
            f"| {data} | {precision} | {variant} | {', '.join(map(str, sorted(by_seed)))} | {accuracy} | "
            f"{'' if best is None else f'{best:.2f}'} | {f'{statistics.mean(stale):.1f}' if stale else ''} | "
            f"{statistics.mean(row['exchanges'] for row in by_seed.values()):.0f} |"
        )
    return lines
