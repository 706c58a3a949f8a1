"""Draws the last row of question engine, read from standard input, as the SVG file that is its argument."""

import json
import statistics
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "firesteel"  # the same row gives the same file

from matplotlib import pyplot  # noqa: E402  (after the backend is chosen)

COLOURS = {"f32": "#7a8ba6", "bf16": "#d1495b"}
LABELS = {"workers": "workers (processes of one thread)", "batch": "minibatch", "net": ""}


def _middle_and_spread(values):
    middle = statistics.median(values)
    return middle, middle - min(values), max(values) - middle


def _lines(axes, by_precision):
    for precision, by_place in by_precision.items():
        places = list(map(int, by_place))
        middle, down, up = zip(*map(_middle_and_spread, by_place.values()))
        axes.errorbar(places, middle, (down, up), label=precision, color=COLOURS[precision], marker="o", capsize=3)
    axes.set_xscale("log", base=2)
    axes.set_xticks(places, by_place)
    axes.minorticks_off()
    axes.set_ylim(bottom=0)


def _bars(axes, by_precision):
    height = 0.8 / len(by_precision)
    for number, (precision, by_net) in enumerate(by_precision.items()):
        middle, down, up = zip(*map(_middle_and_spread, by_net.values()))
        places = [place + number * height for place in range(len(by_net))]
        axes.barh(places, middle, height, xerr=(down, up), capsize=2, label=precision, color=COLOURS[precision])
        for place, value, over in zip(places, middle, up):
            axes.annotate(f"{value:,.0f}", (value + over, place), (4, 0), textcoords="offset points", va="center", size=7)
    axes.set_yticks([place + height / 2 for place in range(len(by_net))], by_net)
    axes.invert_yaxis()
    axes.margins(x=0.2)


def main():
    row = json.load(sys.stdin)
    figure, panels = pyplot.subplots(1, 3, figsize=(12, 3.8), width_ratios=(1, 1, 1.4), layout="constrained")
    for axes, (sweep, by_precision) in zip(panels, row["speeds"].items()):
        (_bars if sweep == "net" else _lines)(axes, by_precision)
        axes.set_title(f"by {sweep}")
        axes.set_xlabel(LABELS[sweep] or "images a second")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("images a second, all workers")
    panels[0].legend(frameon=False)
    hardware = row["hardware"]
    figure.suptitle(f"Firesteel's engine on {hardware['cpu']}, {hardware['cores']} cores, {row['data']}, {row['time'][:10]}")
    figure.savefig(sys.argv[1], metadata={"Date": None})


if __name__ == "__main__":
    main()
