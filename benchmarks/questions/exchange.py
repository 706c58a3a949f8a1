"""What does an exchange cost? An elastic exchange over loopback against a plain socket echo of the same bytes."""

import json
import statistics
import subprocess
from datetime import datetime, timezone

from . import runs

TITLE = "One elastic exchange against a plain socket echo"
CASES = [  # options of exchange-load
    [],
    ["--clients", "2"],
    ["--clients", "4"],
    ["--clients", "8"],
    ["--shards", "2"],
    ["--shards", "4"],
    ["--floats", "145578"],  # cifar10_quick
    ["--codec", "bf16"],
    ["--codec", "int8"],
    ["--tls"],
]


def answer(arguments):
    for options in CASES:
        command = [str(runs.ROOT / "target/release/exchange-load"), *options]
        seen = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(arguments.pairs)]
        median = lambda key: statistics.median(one[key] for one in seen)  # noqa: E731  (a name for a phrase)
        yield {
            "question": "exchange",
            "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "hardware": runs.hardware(),
            "options": options,
            "bytes": seen[0]["bytes"],
            "n": len(seen),
            "ratios": [one["ratio"] for one in seen],
            "ratio": median("ratio"),
            "echo": median("echo-seconds"),
            "exchange": median("exchange-seconds"),
            "plain_one_way": median("plain-one-way-bytes-per-second"),
            "pull": median("pull-bytes-per-second"),
        }


def table(rows):
    lines = [
        "Exchanger, clients and echo in one process on loopback; each number is the median of n runs of at least 100",
        "exchanges a client, echo and exchange in turn in each run. One way is the payload of pulls, and of a plain socket",
        "that only sends. The echo sends the encoded bytes.",
        "",
        "| when | hardware | options | bytes | n | echo ms | exchange ms | ratio (spread) | pull GB/s | plain one way GB/s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    latest = {tuple(row["options"]): row for row in rows}  # a later row replaces the earlier
    for options, row in latest.items():
        hardware = row["hardware"]
        lines.append(
            f"| {row['time'][:10]} | {hardware['cpu']}, {hardware['cores']} cores | {' '.join(options) or '1 client'} "
            f"| {row['bytes']:,} | {row['n']} | {1e3 * row['echo']:.2f} | {1e3 * row['exchange']:.2f} "
            f"| {row['ratio']:.2f} ({min(row['ratios']):.2f} to {max(row['ratios']):.2f}) "
            f"| {row['pull'] / 1e9:.2f} | {row['plain_one_way'] / 1e9:.2f} |"
        )
    return lines
