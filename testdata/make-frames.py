#!/usr/bin/env python3
"""Writes exchange-frames.json: headers of frames of docs/protocol.md, packed by hand from that document.

Run it from anywhere: testdata/make-frames.py. It needs Python alone. The Rust side must encode the same bytes.
"""
import json
import struct
from pathlib import Path


def kind(index):
    return struct.pack("<I", index)


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def done(steps, samples, loss, staleness, transferred, computing, exchanging, waiting):
    return struct.pack("<QQdQQddd", steps, samples, loss, staleness, transferred, computing, exchanging, waiting)


F32, BF16, INT8 = kind(0), kind(1), kind(2)
WORKER, OBSERVER = kind(0), kind(1)
CONTROL, SHARD = kind(0), kind(1)
DENIED, FENCED, MISMATCH, OVERDUE, BUSY = (kind(index) for index in range(5))

frames = [
    ("challenge", kind(0) + bytes([7] * 32)),
    (
        "attach",
        kind(0)
        + (WORKER + struct.pack("<IQ", 1, 5))
        + (SHARD + struct.pack("<I", 0))
        + text("ab")
        + bytes([1] * 32)
        + bytes([2] * 32),
    ),
    ("exchange", kind(1) + struct.pack("<QQQdf", 3, 10, 1000, 2.5, 0.001) + BF16),
    ("pull", kind(2) + struct.pack("<Q", 4)),
    ("turn", kind(3) + struct.pack("<Q", 2) + done(10, 1000, 2.5, 0, 0, 0.0, 0.0, 0.0)),
    ("exchanged", kind(2) + struct.pack("<QQ?", 9, 2, False)),
    ("go", kind(4) + struct.pack("<QQQ", 40, 30, 10)),
    ("refused", kind(8) + FENCED + text("fenced")),
]

lines = ",\n".join("  " + json.dumps([name, header.hex()]) for name, header in frames)
Path(__file__).with_name("exchange-frames.json").write_text(f"[\n{lines}\n]\n")
