"""How fast are photographs decoded and resized, and are the pixels right? `image-fit` against Pillow, a thread each."""

import json
import random
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from . import runs

TITLE = "Images decoded and resized"
SIDES = (32, 64, 128, 224)  # of the square that an image becomes
IMAGES = 200  # drawn from all, the same in every run


def _names(directory):
    names = sorted(str(path) for path in Path(directory).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not names:
        sys.exit(f"bench: {directory} has no .jpg or .png: --data names a directory of photographs")
    return "\n".join(random.Random(0).sample(names, min(IMAGES, len(names))))


def _ours(names, side, out):
    command = [str(runs.ROOT / "target/release/image-fit"), str(side), str(side), out]
    return float(subprocess.run(command, check=True, input=names, stdout=subprocess.PIPE, text=True).stdout)


def _theirs(names, side, out):
    return json.loads(runs.python("plots", "peers.pillow", [str(side), out], stdin=names))


def answer(arguments):
    names = _names(arguments.data)
    count = names.count("\n") + 1
    sides = {}
    with tempfile.NamedTemporaryFile() as pixels:
        for side in SIDES:
            _ours(names, side, pixels.name)  # reads the files into the system's cache
            seconds = []
            for pair in range(arguments.pairs):  # the side that goes first changes
                if pair % 2 == 0:
                    ours, told = _ours(names, side, pixels.name), _theirs(names, side, pixels.name)
                else:
                    told, ours = _theirs(names, side, pixels.name), _ours(names, side, pixels.name)
                seconds.append((ours, told["seconds"]))
            sides[str(side)] = {
                "ours": [count / ours for ours, _ in seconds],
                "pillow": [count / theirs for _, theirs in seconds],
                "largest": told["largest"],
                "mean": told["mean"],
            }
    yield {
        "question": "images",
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "hardware": runs.hardware(),
        "versions": {"Pillow": told["version"]},
        "data": arguments.name,
        "images": count,
        "n": arguments.pairs,
        "sides": sides,
    }


def table(rows):
    row = rows[-1]
    hardware = row["hardware"]
    lines = [
        f"{row['time'][:10]}, {hardware['cpu']}, one core; {row['images']} images of {row['data']}, n = {row['n']} pairs; "
        f"Pillow {row['versions']['Pillow']}. Each image is decoded,",
        "turned upright, cropped to a square in its middle and resized (antialiased bilinear, `ImageOps.fit`). Images a",
        "second: the median; then the median, least and largest ratio of a pair, and the differences of the pixels in levels",
        "of 0 to 255.",
        "",
        "| side | `image-fit` | Pillow | ratio (spread) | largest difference | mean difference |",
        "|---|---|---|---|---|---|",
    ]
    for side, measured in row["sides"].items():
        ratios = [ours / theirs for ours, theirs in zip(measured["ours"], measured["pillow"])]
        lines.append(
            f"| {side} | {statistics.median(measured['ours']):,.0f} | {statistics.median(measured['pillow']):,.0f} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
            f"| {measured['largest']} | {measured['mean']:.3f} |"
        )
    return lines
