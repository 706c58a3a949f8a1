"""The questions, and the README.md that is made from all answers."""

import json

from . import clock, cuda, curve, engine, exchange, faults, grid, images, listeners, memory, network, peers, photographs, precision, recovery, results, runs, spark, tables, transform

README = runs.ROOT / "benchmarks" / "README.md"
TABLES = {
    "engine": engine,
    "spark": spark,
    "exchange": exchange,
    "faults": faults,
    "recovery": recovery,
    "memory": memory,
    "peers": peers,
    "network": network,
    "curve": curve,
    "photographs": photographs,
    "precision": precision,
    "cuda": cuda,
    "images": images,
    "transform": transform,
    "tables": tables,
    "grid": grid,
    "clock": clock,
    "listeners": listeners,
}


def write():
    rows = results.rows()
    _draw(rows)
    lines = ["# Benchmarks", "", "Made by `scripts/bench` from `results.jsonl`; do not edit.", ""]
    for question, module in TABLES.items():
        answers = [row for row in rows if row["question"] == question]
        if answers:
            lines += [f"## {module.TITLE}", "", *module.table(answers), ""]
    README.write_text("\n".join(lines).rstrip() + "\n")


def _draw(rows):
    measured = [row for row in rows if row["question"] == "engine"]
    if measured and runs.python_of("plots"):
        runs.python("plots", "plots.engine", [str(engine.PLOT)], stdin=json.dumps(measured[-1]))
    elif measured:
        print("bench: the plot stays as it is: scripts/setup-python plots makes the Python that draws it")
