#!/usr/bin/env python3
"""Make the image fixtures beside this script; the same bytes on every run, from the standard library alone.

A class is a pattern in a colour on grey, shifted at random under strong noise: synthetic, and easy on purpose, so that a
few minutes' training in a test tells a net that learns from one that does not. Accuracies on it mean nothing else.
"""
import gzip
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent
BACKGROUND, NOISE = 110, 45  # levels of 0..255; noise is uniform within +-NOISE
CONTRAST = 0.45  # full colours make small batches diverge at the recipe's learning rate

PATTERNS = [
    lambda x, y: y % 8 < 4,  # lines
    lambda x, y: x % 8 < 4,  # columns
    lambda x, y: (x + y) % 12 < 6,  # one diagonal
    lambda x, y: (x - y) % 12 < 6,  # the other
    lambda x, y: (x // 6 + y // 6) % 2 == 0,  # chequers
    lambda x, y: (x - 15) ** 2 + (y - 15) ** 2 < 90,  # disc
    lambda x, y: 80 < (x - 15) ** 2 + (y - 15) ** 2 < 190,  # ring
    lambda x, y: abs(x - 15) < 4 or abs(y - 15) < 4,  # cross
    lambda x, y: x < 16,  # left half
    lambda x, y: y < 16,  # upper half
]
COLOURS = [
    (235, 40, 40), (40, 220, 40), (50, 70, 240), (230, 220, 40), (220, 50, 220),
    (40, 220, 220), (245, 245, 245), (15, 15, 15), (240, 140, 30), (130, 60, 20),
]


def plane(rng, pattern, level, shift, side):
    noise = rng.randbytes(side * side)
    values = []
    for y in range(side):
        for x in range(side):
            inside = pattern(x + shift[0], y + shift[1])
            base = BACKGROUND + round(CONTRAST * (level - BACKGROUND)) if inside else BACKGROUND
            values.append(min(255, max(0, base + noise[y * side + x] % (2 * NOISE + 1) - NOISE)))
    return bytes(values)


def image(rng, pattern, levels, side):
    shift = (rng.getrandbits(8) % 5 - 2, rng.getrandbits(8) % 5 - 2)
    return b"".join(plane(rng, PATTERNS[pattern], level, shift, side) for level in levels)


def shuffled(rng, rows, classes):
    """Labels of equal share, in a seeded order."""
    return [row * classes // rows for row in sorted(range(rows), key=lambda _: rng.random())]


def cifar10(name, rows, seed):
    rng = random.Random(seed)
    records = [bytes([k]) + image(rng, k, COLOURS[k], 32) for k in shuffled(rng, rows, 10)]
    write(f"cifar10-tiny/{name}", b"".join(records))


def cifar100(name, rows, seed):
    rng = random.Random(seed)
    records = [bytes([k // 5, k]) + image(rng, k % 10, COLOURS[k // 10], 32) for k in shuffled(rng, rows, 100)]
    write(f"cifar100-tiny/{name}", b"".join(records))


def idx(prefix, rows, seed):
    rng = random.Random(seed)
    labels = shuffled(rng, rows, 10)
    images = b"".join(image(rng, k, (230,), 28) for k in labels)
    for name, sizes, body in [("images-idx3", (rows, 28, 28), images), ("labels-idx1", (rows,), bytes(labels))]:
        header = bytes([0, 0, 8, len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes)
        write(f"idx-tiny/{prefix}-{name}-ubyte.gz", gzip.compress(header + body, mtime=0))


def write(name, data):
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


cifar10("data_batch_1.bin", 200, 1)
cifar10("data_batch_2.bin", 200, 2)
cifar10("test_batch.bin", 100, 3)
cifar100("train.bin", 100, 4)
cifar100("test.bin", 50, 5)
idx("train", 200, 6)
idx("t10k", 100, 7)
