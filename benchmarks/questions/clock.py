"""Is the virtual clock right? Real runs of two workers on a network of this machine's own, each against its simulation."""

import math
import os
import statistics
import subprocess
import tempfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import runs, star

TITLE = "The virtual clock against real runs"
TAU = 10
NEVER = "1000000"  # the end alone is evaluated, outside the clock
TOLD = ("seconds", "accuracy", "staleness")  # of a real run and of its simulation
LINKS = [None, 1]  # Gbit/s of every machine's link, in each direction; first without a limit
Plan = namedtuple("Plan", ["batch", "iterations"])
NETS = {
    "cifar10_quick": Plan(100, 400),  # 0.6 MB of weights
    "vgg11": Plan(32, 100),  # 37 MB
}
STRATEGIES = {  # the turns of the first tell what an exchange takes; rounds, which tell no times, have those of the one before
    "deepspark": ["--strategy", "deepspark"],
    "bsp": ["--strategy", "sparknet", "--consistency", "bsp"],
    "rounds": ["--strategy", "sparknet", "--consistency", "rounds"],
}
CLUSTER = ["--executor-cores", "1", "--total-executor-cores", "2", "--conf", "spark.executor.memory=2g"]


def answer(arguments):
    machine = {}  # by net: what the first network told, where no link's time is in it
    for gigabits in LINKS:
        with tempfile.TemporaryDirectory() as name:
            home, started = Path(name), []
            with star.network(3, gigabits) as machines, star.standalone(home, machines) as url:
                for net in NETS:
                    if net not in machine:
                        machine[net] = {"spark-round": _spark_round(arguments, home, machines[0], url, net)}
                    for seed in range(arguments.pairs):
                        started += _real(arguments, home, machines[0], url, gigabits, net, seed, machine[net])
            with ThreadPoolExecutor(os.cpu_count()) as pool:  # their figures do not depend on what else this machine does
                yield from pool.map(_with_simulation, started)


def _real(arguments, home, driver, url, gigabits, net, seed, machine):
    """A run of each strategy: what its row says of it, and how it is simulated."""
    steps = None
    for strategy, options in STRATEGIES.items():
        out = home / runs.directory(gigabits, net, strategy, seed)
        asked = _options(arguments, net, seed) + options
        _train(url, driver, asked, out)
        steps = _steps(out) or steps
        machine.setdefault("bandwidth", _bandwidth(out))
        cluster = {**machine, "step-seconds": steps[0], "jitter": steps[1]}
        if gigabits:
            cluster["bandwidth"] = min(gigabits * 1e9, machine["bandwidth"])
        real = runs.events(out)[-1]
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
            "spark_round": cluster["spark-round"],
            "bandwidth": cluster["bandwidth"],
            **{key: real.get(key) for key in TOLD},
        }
        print(f"{net}, {gigabits} Gbit/s, {strategy}, seed {seed}: {row['seconds']:.1f} s", flush=True)
        yield row, asked, cluster, out.with_name(f"simulated-{out.name}")


def _with_simulation(real):
    row, asked, cluster, out = real
    numbers = [word for key, value in cluster.items() for word in (f"--{key}", str(value))]
    program = str(runs.ROOT / "target/release/simulate")
    subprocess.run([program, *asked, *numbers, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
    end = runs.events(out)[-1]
    virtual = {**end, "seconds": end["virtual_seconds"]}
    return {**row, **{f"virtual_{key}": virtual.get(key) for key in TOLD}}


def _spark_round(arguments, home, driver, url, net):
    """Seconds that Spark takes for a round of this net on this cluster, its own handling of the weights too: the mean of as many
    rounds as the runs have, with the first ones, while the JVMs still compile. They have a step of one row each."""
    rounds = NETS[net].iterations // TAU
    out = home / f"spark-round-{net}"
    asked = ["--data", arguments.data, "--net", net, "--batch", "1", "--tau", "1", "--iterations", str(rounds), "--lr", "1e-6"]
    asked += ["--workers", "2", "--eval-every", NEVER, "--precision", arguments.precision]
    _train(url, driver, [*asked, *STRATEGIES["rounds"]], out)
    return runs.events(out)[-1]["seconds"] / rounds


def _train(url, driver, options, out):
    spark = [*CLUSTER, "--conf", f"spark.driver.host={driver.address}"]
    place = {"SPARK_LOCAL_IP": driver.address}
    runs.wait(runs.submit(url, [*options, "--out", str(out)], spark, inside=driver.inside, **place))


def _options(arguments, net, seed):
    plan = NETS[net]
    asked = {"data": arguments.data, "net": net, "batch": plan.batch, "iterations": plan.iterations, "seed": seed}
    asked |= {"workers": 2, "tau": TAU, "eval-every": NEVER, "precision": arguments.precision}
    return [word for key, value in asked.items() for word in (f"--{key}", str(value))]


def _turns(out):
    """The turns of each worker in their order; of a run in rounds none."""
    turns = [event for event in runs.events(out) if event["event"] == "exchange"]
    return [[turn for turn in turns if turn["worker"] == worker] for worker in (0, 1)] if turns else []


def _steps(out):
    """Seconds of a local step, and the standard deviation of the logarithm of a step's time, from the differences between the
    turns of the two workers, as far as steps are independent: what makes both slow at once makes none wait."""
    if not _turns(out):
        return None
    all_turns = [turn for of_one in _turns(out) for turn in of_one]
    mean = sum(turn["computing"] for turn in all_turns) / sum(turn["steps"] for turn in all_turns)
    logs = [[math.log(turn["computing"] / turn["steps"]) for turn in of_one] for of_one in _turns(out)]
    apart = [first - second for first, second in zip(*logs)]
    return mean, statistics.stdev(apart) / math.sqrt(2) * math.sqrt(TAU)


def _bandwidth(out):
    """Bits a second with which the weights go to the center and come back: what nothing limits but the machine."""
    bits = 2 * 32 * runs.events(out)[0]["parameters"]
    return bits / statistics.median(turn["exchanging"] for of_one in _turns(out) for turn in of_one)


def table(rows):
    lines = [
        "Two workers of one thread in a standalone cluster of three machines: network namespaces of this machine, each with a link of",
        "its own to a switch. A real run and `simulate` with the same seed, whose step time and jitter are those that the real run's",
        "turns told (of rounds: the turns of `bsp` with the same seed), whose `spark-round` is that of as many rounds of one row a",
        "worker, and whose bandwidth is at most that of `deepspark`'s exchanges, both with the same net where no link was limited.",
        "Medians over n seeds; in brackets the smallest and the largest. Where `virtual, s` has a star, no bandwidth was set in the simulation.",
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
            f"| {strategy} | {len(of)} | {_spread([row['seconds'] for row in of], 1)} | {_spread([row['virtual_seconds'] for row in of], 1)}{'' if 'bandwidth' in of[0] else ' *'} "
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
