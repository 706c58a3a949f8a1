"""The questions, and the README.md that is made from all answers."""

from . import accuracy, exchange, faults, memory, peers, results, runs, spark, strategies

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


def write():
    rows = results.rows()
    lines = ["# Benchmarks", "", "Made by `scripts/bench` from `results.jsonl`; do not edit.", ""]
    for question, module in TABLES.items():
        answers = [row for row in rows if row["question"] == question]
        if answers:
            lines += [f"## {module.TITLE}", "", *module.table(answers), ""]
    README.write_text("\n".join(lines).rstrip() + "\n")
