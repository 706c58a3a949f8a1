"""How fast is PyTorch on the same machine? Two workers in local[2] against PyTorch alone and under TorchDistributor."""

import json
import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

from . import runs

TITLE = "Against PyTorch"
TAU = 10  # local steps of our rounds


class Plan(NamedTuple):
    """How long a net is run: some ten seconds to warm up, and at least as many that count."""

    batch: int  # images of a worker's minibatch
    rounds: int  # of ours
    warm_up: int  # rounds of these that are not counted
    steps: int  # of theirs, behind a quarter as many that are not counted


NETS = {
    "cifar10_quick": Plan(100, 40, 20, 200),
    "resnet20": Plan(128, 14, 5, 60),
    "airbench_32_64_64": Plan(500, 10, 4, 32),
}
# What Firesteel sets for itself (glibc's mallopt): without it a quarter of a tuned step is page faults.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": 32 << 20, "MALLOC_TRIM_THRESHOLD_": 1 << 30, "MALLOC_TOP_PAD_": 64 << 20}
OURS = {  # options of a run: rounds are a Spark job each, in one stage workers average through the exchanger
    "f32": ["--precision", "f32", "--consistency", "rounds"],
    "bf16": ["--precision", "bf16", "--consistency", "rounds"],
    "bf16, one stage": ["--precision", "bf16", "--consistency", "bsp"],
}
PEERS = {  # what is measured: options of peers.speed, settings of glibc's allocator
    "PyTorch, 2 threads, documented": (["--peer", "plain", "--variant", "documented"], {}),
    "PyTorch, 2 threads, tuned": (["--peer", "plain"], {}),
    "PyTorch, 2 threads, tuned, allocator too": (["--peer", "plain"], ALLOCATOR),
    "TorchDistributor, documented": (["--peer", "torchdistributor", "--variant", "documented"], {}),
    "TorchDistributor, f32 channels-last": (["--peer", "torchdistributor", "--variant", "channels-last"], {}),
    "TorchDistributor, tuned": (["--peer", "torchdistributor"], {}),
    "TorchDistributor, tuned, allocator too": (["--peer", "torchdistributor"], ALLOCATOR),
    "bf16 products alone": (["--peer", "products"], {}),
}


def ours(arguments, plan, master, asked, out, inside=()):
    """Images a second of two workers of ours, and the run's circumstances."""
    never = "1000000"  # the last round alone is evaluated, outside the clock
    options = ["--data", arguments.data, "--net", arguments.net, "--batch", str(plan.batch), "--workers", "2"]
    options += ["--iterations", str(plan.rounds * TAU), "--tau", str(TAU), "--eval-every", never, *asked]
    options += ["--normalize", "channel"]
    runs.wait(runs.submit(master, [*options, "--out", str(out)], inside=inside))
    return runs.steady(out, plan.warm_up), runs.circumstances(out)


def theirs(arguments, plan, asked, allocator, inside=(), **more):
    """Images a second of PyTorch, and its versions; `more` are settings of its environment."""
    threads = "2" if "plain" in asked else "1"
    options = [*asked, "--net", arguments.net, "--data", arguments.data]
    options += ["--batch", str(plan.batch), "--threads", threads]
    options += ["--warm-up", str(plan.steps // 4), "--steps", str(plan.steps)]
    settings = {key: str(value) for key, value in allocator.items()}
    settings |= {"OMP_NUM_THREADS": threads, "SPARK_LOCAL_IP": "127.0.0.1", **more}
    told = json.loads(runs.python("peers", "peers.speed", options, inside=inside, **settings).splitlines()[-1])
    return told["images_per_second"], told["versions"]


def answer(arguments):
    runs.require_python("peers")  # rather now than after our own runs
    wanted = arguments.sides or [""]
    speeds = {name: [] for name in [*OURS, *PEERS] if any(part in name for part in wanted)}
    versions, plan = {}, NETS[arguments.net]
    for pair in range(arguments.pairs):
        with tempfile.TemporaryDirectory() as directory:
            for name in speeds if pair % 2 == 0 else reversed(speeds):
                if name in OURS:
                    speed, where = ours(arguments, plan, "local[2]", OURS[name], Path(directory) / runs.directory(name))
                else:
                    speed, of_peer = theirs(arguments, plan, *PEERS[name])
                    versions |= of_peer
                speeds[name].append(speed)
                print(f"pair {pair + 1}: {speed:.0f} {name}", flush=True)
    yield {
        "question": "peers",
        **where,
        "peer_versions": versions,
        "data": arguments.name,
        "net": arguments.net,
        "batch": plan.batch,
        "n": arguments.pairs,
        "speeds": speeds,
    }


def table(rows):
    lines = [
        "Two workers of one thread in `local[2]`, `sparknet`, tau 10, against PyTorch as its documentation writes it",
        "(f32, NCHW, a DataLoader) and tuned (bf16 autocast, channels-last, minibatches gathered by index, fused",
        "optimiser; then also glibc's allocator set as Firesteel sets it). TorchDistributor: two processes of one",
        "thread, DDP over gloo, so gradients are averaged at every step. `bf16 products alone` is a bound: what the",
        "cores would make if a step were nothing but the products that PyTorch counts in it (FlopCounterMode), at the rate",
        "of the best square ones. Images a second in the steady state, all workers together: medians over n pairs; ratios",
        "are ours to theirs in the same pair, with the smallest and the largest.",
    ]
    latest = {(row["data"], row["net"]): row for row in rows}  # a later row replaces the earlier
    for (data, net), row in latest.items():
        hardware, peer = row["hardware"], row["peer_versions"]
        lines += [
            "",
            f"### {net}, batch {row['batch']} a worker",
            "",
            f"{row['time'][:10]}, {hardware['cpu']}, {hardware['cores']} cores, {data}, n = {row['n']}; "
            f"Spark {row['versions']['spark']}, libtorch {row['versions']['libtorch']}; "
            f"theirs: PyTorch {peer['torch']}, Spark {peer['spark']}.",
            "",
            f"| what | images a second | {' | '.join(f'{name}, ratio (spread)' for name in OURS)} |",
            f"|---|---|{'---|' * len(OURS)}",
        ]
        speeds = row["speeds"]
        for name in speeds:
            ratios = [ratio(speeds[our], speeds[name]) if name in PEERS and our in speeds else "" for our in OURS]
            what = f"Firesteel, {name}" if name in OURS else name
            lines.append(f"| {what} | {statistics.median(speeds[name]):.0f} | {' | '.join(ratios)} |")
    return lines


def ratio(our_speeds, their_speeds):
    """Of the same pair: the median, with the smallest and the largest."""
    ratios = [our / their for our, their in zip(our_speeds, their_speeds)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
