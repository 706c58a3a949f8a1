"""results.jsonl: one row an answer, never rewritten; where two rows say the same thing the later one counts."""

import json

from . import runs

RESULTS = runs.ROOT / "benchmarks" / "results.jsonl"


def rows():
    return [json.loads(line) for line in RESULTS.read_text().splitlines()]


def append(row):
    with RESULTS.open("a") as results:
        results.write(json.dumps(row) + "\n")
