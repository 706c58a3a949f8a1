"""What does a slow link cost? Two workers of ours against two of TorchDistributor, over one loopback of a chosen rate."""

import statistics
import tempfile
from pathlib import Path

from . import link, peers, runs

TITLE = "Over a slow link"
NETS = ["resnet18", "vgg11"]  # 45 MB of weights, and 37 MB with 2.5 times the work: the former leaves fewer pixels at once
# Rounds of ours, those of them that are not counted, and steps of theirs: a side takes about a minute on two cores.
ROUNDS, WARM_UP, STEPS = 6, 2, 20
MASTER = "local-cluster[2,1,1024]"
ALL = ["--precision", "bf16", "--lr", "0.001"]  # theirs; the recipes' rate can diverge, which ends a run
OURS = {  # options beside those
    "sparknet": [],
    "deepspark, --overlap, --codec bf16": ["--strategy", "deepspark", "--overlap", "--codec", "bf16"],
}
PEERS = {  # options of peers.speed
    "TorchDistributor, tuned": ["--peer", "torchdistributor"],
    "TorchDistributor, tuned, bf16 gradients": ["--peer", "torchdistributor", "--variant", "bf16-gradients"],
}
INTERFACE = {"GLOO_SOCKET_IFNAME": "lo"}  # unless told, gloo takes that of the host's name, which is not in the namespace


def answer(arguments):
    runs.require_python("peers")  # rather now than after our own runs
    speeds, rates = {side: [] for side in [*OURS, *PEERS]}, []
    plan = peers.Plan(arguments.batch, ROUNDS, WARM_UP, STEPS)
    with link.namespace(arguments.link) as inside, tempfile.TemporaryDirectory() as directory:
        for pair in range(arguments.pairs):
            rates.append(link.measured(inside, arguments.link))
            print(f"pair {pair + 1}: {rates[-1]:.3f} Gbit/s of a plain transfer", flush=True)
            for side in speeds if pair % 2 == 0 else reversed(speeds):
                if side in OURS:
                    out = Path(directory) / runs.directory(pair, side)
                    speed, where = peers.ours(arguments, plan, MASTER, [*ALL, *OURS[side]], out, inside)
                else:
                    speed, versions = peers.theirs(arguments, plan, PEERS[side], peers.ALLOCATOR, inside, **INTERFACE)
                speeds[side].append(speed)
                print(f"pair {pair + 1}: {speed:.0f} {side}", flush=True)
    yield {
        "question": "network",
        **where,
        "peer_versions": versions,
        "data": arguments.name,
        "net": arguments.net,
        "batch": arguments.batch,
        "tau": peers.TAU,
        "link_gigabits": arguments.link,
        "measured_gigabits": rates,
        "n": arguments.pairs,
        "speeds": speeds,
    }


def table(rows):
    lines = [
        f"Two workers of one thread in `{MASTER}`, bf16, tau {peers.TAU}, and two processes of TorchDistributor, tuned (the",
        "allocator too; then also with DDP's `bf16_compress_hook`), one side after the other in one network namespace, where a token",
        "bucket limits loopback: one link, which all messages in both directions share. In ten steps of two workers `sparknet`",
        "sends 4 times the weights' size over it, `deepspark` in bf16 2 times, DDP 20 times, in bf16 10 times. (Where each machine has such",
        "a link in each direction, DDP needs half the time for that; `sparknet`, whose workers first send and then receive through the",
        "driver's, as much as here.) Images a second in the steady state: medians over n pairs, smallest to largest; ratios are those",
        "of the same pair. The measured rate is that of a plain transfer before each pair.",
    ]
    latest = {tuple(row[key] for key in ("data", "net", "batch", "link_gigabits")): row for row in rows}  # a later row counts
    for (data, net, batch, gigabits), row in latest.items():
        hardware, versions, peer, rates = row["hardware"], row["versions"], row["peer_versions"], row["measured_gigabits"]
        lines += [
            "",
            f"### {net}, batch {batch} a worker, {f'{gigabits:g} Gbit/s' if gigabits else 'no limit'}",
            "",
            f"{row['time'][:10]}, {hardware['cpu']}, {hardware['cores']} cores, {data}, n = {row['n']}, measured {min(rates):.2f} to "
            f"{max(rates):.2f} Gbit/s; Spark {versions['spark']}, libtorch {versions['libtorch']}; "
            f"theirs: PyTorch {peer['torch']}, Spark {peer['spark']}.",
            "",
            f"| what | images a second | {' | '.join(f'to {name}' for name in PEERS)} |",
            f"|---|---|{'---|' * len(PEERS)}",
        ]
        for side, speeds in row["speeds"].items():
            ratios = [peers.ratio(speeds, row["speeds"][name]) if side in OURS else "" for name in PEERS]
            spread = f"{statistics.median(speeds):.0f} ({min(speeds):.0f} to {max(speeds):.0f})"
            lines.append(f"| {side} | {spread} | {' | '.join(ratios)} |")
    return lines
