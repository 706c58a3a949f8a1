"""How fast could a step be? The processors' rate of bf16 matrix products, as if a training step were nothing else."""

import time
from multiprocessing import get_context

import torch
from torch.utils.flop_counter import FlopCounterMode

from . import data, nets

SIZES = (256, 512, 1024, 2048)  # rows of the square matrices; the fastest counts
SECONDS = 1.0  # of each size


def _rate(size):
    """Operations a second, a multiplication and an addition being two."""
    left, right = torch.randn(2, size, size).bfloat16()
    out = torch.empty(size, size, dtype=torch.bfloat16)
    done, started = 0, None
    while started is None or time.perf_counter() - started < SECONDS:
        torch.mm(left, right, out=out)
        if started is None:  # the first product makes its kernel
            started = time.perf_counter()
        else:
            done += 1
    return done * 2 * size**3 / (time.perf_counter() - started)


def _rates(_):
    torch.set_num_threads(1)
    return [_rate(size) for size in SIZES]


def operations(name, batch):
    """Of one training step, an image: forward, and backward to all weights."""
    images = torch.randn(batch, 3, data.SIDE, data.SIDE)
    with FlopCounterMode(display=False) as counter:
        nets.build(name)(images).sum().backward()
    return counter.get_total_flops() / batch


def measure(arguments):
    """Images a second that all processes together would make if their products were all of it."""
    processes = arguments["processes"]
    with get_context("spawn").Pool(processes) as pool:  # each takes one share, all at the same time
        rates = pool.map(_rates, range(processes), chunksize=1)
    return max(map(sum, zip(*rates))) / operations(arguments["net"], arguments["batch"])
