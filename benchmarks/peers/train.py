"""A whole training run of PyTorch with flips and crops, tuned for a CPU; a line of JSON an epoch."""

import argparse
import json
import time

import numpy as np
import torch
from torch import nn

from . import data, nets


def bordered(images, border, pad):
    """Images `[n, side, side, 3]` with `pad` pixels of border, which is black or mirrors what is beside it."""
    widths = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    return torch.from_numpy(np.pad(images.numpy(), widths, mode="reflect" if border == "reflect" else "constant"))


def augmented(padded, rows, pad):
    """Random windows of the images `rows` without their border, half of them mirrored: `[n, side, side, 3]` bytes."""
    n, side = len(rows), padded.shape[1] - 2 * pad
    down, right = torch.randint(2 * pad + 1, (2, n, 1))
    columns = torch.arange(side).expand(n, -1)
    columns = torch.where(torch.rand(n, 1) < 0.5, columns.flip(1), columns) + right
    lines = torch.arange(side) + down
    return padded[rows[:, None, None], lines[:, :, None], columns[:, None, :]]


def rate(arguments, step, steps):
    """The learning rate: down to a tenth at half and at three quarters of the run (He et al.), linearly to 0, or from a
    fifth up in straight lines until 0.23 of the run and down to 0.07 in its last step (airbench)."""
    done = step / steps
    if arguments.lr_policy == "poly":
        return arguments.lr * (1 - done)
    if arguments.lr_policy == "triangular":
        return arguments.lr * np.interp(step, [0, 0.23 * (steps - 1), steps - 1], [0.2, 1, 0.07])
    return arguments.lr * 0.1 ** ((done >= 0.5) + (done >= 0.75))


class Run:
    def __init__(self, arguments):
        self.arguments = arguments
        self.images, self.labels = data.read(arguments.data, "train", arguments.size)
        self.mean, self.std = data.statistics(self.images)
        self.padded = bordered(self.images, arguments.border, arguments.pad)
        self.test = data.read(arguments.data, "test", arguments.size)
        self.net = nets.build(arguments.net, arguments.seed).to(memory_format=torch.channels_last)
        settings = {"momentum": arguments.momentum, "nesterov": arguments.nesterov}
        weights = [weight for weight in self.net.parameters() if weight.requires_grad]
        settings |= {"weight_decay": arguments.weight_decay, "lr": arguments.lr}
        self.optimizer = torch.optim.SGD(weights, **settings, fused=True)
        self.criterion = nn.CrossEntropyLoss()

    def forward(self, images):
        inputs = images.sub(self.mean).div_(self.std).permute(0, 3, 1, 2)  # of NHWC, so channels-last
        with torch.autocast("cpu", torch.bfloat16, enabled=self.arguments.precision == "bf16"):
            return self.net(inputs).float()

    def train(self, epoch):
        self.net.train()
        batch = self.arguments.batch
        batches = len(self.images) // batch
        for at, rows in enumerate(torch.randperm(len(self.images)).split(batch)[:batches]):
            for group in self.optimizer.param_groups:
                group["lr"] = rate(self.arguments, epoch * batches + at, self.arguments.epochs * batches)
            inputs = augmented(self.padded, rows, self.arguments.pad)
            loss = self.criterion(self.forward(inputs), self.labels[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def accuracy(self):
        self.net.eval()
        images, labels = self.test
        with torch.inference_mode():
            right = [self.forward(x).argmax(1) == y for x, y in zip(images.split(250), labels.split(250))]
        return torch.cat(right).double().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="directory of CIFAR-10's binary files, of 28 x 28 idx files, or of class folders")
    parser.add_argument("--size", default=data.SIDE, type=int, help="side of the images of class folders, in pixels")
    parser.add_argument("--pad", default=4, type=int, help="pixels of border around an image before it is cropped (He et al. 2015, section 4.2)")
    parser.add_argument("--out", required=True, type=argparse.FileType("w"), help="file of {epoch, seconds, accuracy}")
    parser.add_argument("--net", default="resnet20", choices=list(nets.NETS))
    parser.add_argument("--epochs", default=10, type=int)
    parser.add_argument("--batch", default=128, type=int)
    parser.add_argument("--lr", default=0.1, type=float)
    parser.add_argument("--lr-policy", default="multistep", choices=["multistep", "poly", "triangular"])
    parser.add_argument("--border", default="black", choices=["black", "reflect"], help="of the images that are cropped")
    parser.add_argument("--momentum", default=0.9, type=float)
    parser.add_argument("--nesterov", action="store_true")
    parser.add_argument("--weight-decay", default=1e-4, type=float)
    parser.add_argument("--precision", default="bf16", choices=["f32", "bf16"])
    parser.add_argument("--threads", default=2, type=int)
    parser.add_argument("--seed", default=0, type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    run, seconds = Run(arguments), 0.0
    for epoch in range(arguments.epochs):
        started = time.perf_counter()
        run.train(epoch)
        seconds += time.perf_counter() - started  # of training alone
        line = {"epoch": epoch + 1, "seconds": seconds, "accuracy": run.accuracy()}
        print(json.dumps(line), file=arguments.out, flush=True)


if __name__ == "__main__":
    main()
