"""Is the virtual clock right? Real runs of two workers on a network of this machine's own, each against its simulation."""

import math
import statistics
import subprocess
import tempfile
from collections import namedtuple
from pathlib import Path

from . import runs, star

TITLE = "The virtual clock against real runs"
TAU = 10
LINKS = [None, 1]  # Gbit/s of every machine's link, in each direction
FREE = 2e10  # bits a second of a link that nothing limits: memory copies
Plan = namedtuple("Plan", ["batch", "iterations"])
NETS = {
    "cifar10_quick": Plan(100, 400),  # 0.6 MB of weights
    "vgg11": Plan(32, 100),  # 37 MB
}
STRATEGIES = {  # rounds, which tell no times of local steps, are calibrated by those of the one before
    "bsp": ["--strategy", "sparknet", "--consistency", "bsp"],
    "rounds": ["--strategy", "sparknet", "--consistency", "rounds"],
    "deepspark": ["--strategy", "deepspark"],
}
CLUSTER = ["--executor-cores", "1", "--total-executor-cores", "2", "--conf", "spark.executor.memory=2g"]


def answer(arguments):
    for gigabits in LINKS:
        with star.network(3, gigabits) as machines, tempfile.TemporaryDirectory() as name:
            home = Path(name)
            with star.standalone(home, machines) as url:
                for net in NETS:
                    for seed in range(arguments.pairs):
                        yield from _compared(arguments, home, machines[0], url, gigabits, net, seed)


def _compared(arguments, home, driver, url, gigabits, net, seed):
    """A row for each strategy."""
    steps = None
    for strategy, options in STRATEGIES.items():
        out = home / runs.directory(gigabits, net, strategy, seed)
        asked = _options(arguments, net, seed) + options
        spark = [*CLUSTER, "--conf", f"spark.driver.host={driver.address}"]
        place = {"SPARK_LOCAL_IP": driver.address}
        runs.wait(runs.submit(url, [*asked, "--out", str(out)], spark, inside=driver.inside, **place))
        steps = _steps(out) or steps
        simulated = home / runs.directory("simulated", gigabits, net, strategy, seed)
        bandwidth = gigabits * 1e9 if gigabits else FREE
        cluster = ["--step-seconds", str(steps[0]), "--jitter", str(steps[1]), "--bandwidth", str(bandwidth)]
        program = str(runs.ROOT / "target/release/simulate")
        subprocess.run([program, *asked, *cluster, "--out", str(simulated)], check=True, stdout=subprocess.DEVNULL)
        real, virtual = runs.events(out)[-1], runs.events(simulated)[-1]
        row = {
            "question": "clock",
            **runs.circumstances(out),
            "data": arguments.name,
            "net": net,
            "batch": NETS[net].batch,
            "tau": TAU,
            "precision": arguments.precision,
            "link_gigabits": gigabits,
            "strategy": strategy,
            "seed": seed,
            "step_seconds": steps[0],
            "jitter": steps[1],
            "seconds": real["seconds"],
            "virtual_seconds": virtual["virtual_seconds"],
            "accuracy": real["accuracy"],
            "virtual_accuracy": virtual["accuracy"],
            "staleness": real.get("staleness"),
            "virtual_staleness": virtual.get("staleness"),
        }
        print(f"{net}, {gigabits} Gbit/s, {strategy}, seed {seed}: {row['seconds']:.1f} s, virtual {row['virtual_seconds']:.1f} s", flush=True)
        yield row


def _options(arguments, net, seed):
    plan, never = NETS[net], "1000000"  # the end alone is evaluated, outside the clock
    asked = {"data": arguments.data, "net": net, "batch": plan.batch, "iterations": plan.iterations, "seed": seed}
    asked |= {"workers": 2, "tau": TAU, "eval-every": never, "precision": arguments.precision}
    return [word for key, value in asked.items() for word in (f"--{key}", str(value))]


def _steps(out):
    """Seconds of a local step, and the standard deviation of the logarithm of a step's time that explains that of turns,
    as far as steps are independent of each other; none for a run in rounds."""
    turns = [event for event in runs.events(out) if event["event"] == "exchange"]
    if not turns:
        return None
    mean = sum(turn["computing"] for turn in turns) / sum(turn["steps"] for turn in turns)
    logs = [math.log(turn["computing"] / turn["steps"]) for turn in turns]
    return mean, statistics.stdev(logs) * math.sqrt(TAU)


def table(rows):
    lines = [
        "Two workers of one thread in a standalone cluster of three machines: network namespaces of this machine, each with a link of",
        "its own to a switch. A real run and `simulate` with the same seed, whose step time and jitter are those that the real run's",
        "turns told (of rounds: the turns of `bsp` with the same seed). Medians over n seeds; in brackets the smallest and the largest.",
        "",
        "| when | hardware | net | link | strategy | n | training, s | virtual, s | virtual / real | accuracy, % | virtual, % | staleness 0, 1, 2+ | virtual |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups = runs.by_seed(rows, "net", "link_gigabits", "strategy", "data", "precision")
    for (net, gigabits, strategy, *_), seeds in groups.items():
        of = list(seeds.values())
        hardware = of[0]["hardware"]
        lines.append(
            f"| {of[0]['time'][:10]} | {hardware['cpu']}, {hardware['cores']} cores | {net} | {f'{gigabits} Gbit/s' if gigabits else 'free'} "
            f"| {strategy} | {len(of)} | {_spread([row['seconds'] for row in of], 1)} | {_spread([row['virtual_seconds'] for row in of], 1)} "
            f"| {_spread([row['virtual_seconds'] / row['seconds'] for row in of], 2)} "
            f"| {_spread([100 * row['accuracy'] for row in of], 1)} | {_spread([100 * row['virtual_accuracy'] for row in of], 1)} "
            f"| {_shares([row['staleness'] for row in of])} | {_shares([row['virtual_staleness'] for row in of])} |"
        )
    return lines


def _spread(values, digits):
    middle, *ends = (f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({ends[0]} to {ends[1]})"


def _shares(counts):
    """Per cent of all exchanges that met 0, 1, and more updates by others."""
    if not all(counts):
        return ""
    sums = [sum(column) for column in zip(*counts)]
    return ", ".join(f"{100 * part / sum(sums):.0f}" for part in (sums[0], sums[1], sum(sums[2:])))
