"""results.jsonl, one row an answer, and the README.md that is made from it."""

import json

from . import accuracy, exchange, faults, memory, peers, runs, spark, strategies

RESULTS = runs.ROOT / "benchmarks" / "results.jsonl"
README = runs.ROOT / "benchmarks" / "README.md"
TABLES = {
    "spark": spark,
    "accuracy": accuracy,
    "strategies": strategies,
    "exchange": exchange,
    "faults": faults,
    "memory": memory,
    "peers": peers,
}


def append(row):
    with RESULTS.open("a") as results:
        results.write(json.dumps(row) + "\n")


def write():
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    lines = ["# Benchmarks", "", "Made by `scripts/bench` from `results.jsonl`; do not edit.", ""]
    for question, module in TABLES.items():
        answers = [row for row in rows if row["question"] == question]
        if answers:
            lines += [f"## {module.TITLE}", "", *module.table(answers), ""]
    README.write_text("\n".join(lines).rstrip() + "\n")
