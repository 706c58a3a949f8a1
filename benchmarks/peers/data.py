"""Data sets as uint8 tensors of 3 channels, the last (NHWC): CIFAR-10's files, grey idx files, or class folders."""

import gzip
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

SIDE = 32


def read(directory, split, side=SIDE):
    """Images `[n, side, side, 3]` and labels `[n]` of the split `train` or `test`; `side` is free for class folders."""
    directory = Path(directory)
    if (directory / "train").is_dir():
        return _folders(directory / ("validation" if split == "test" else split), side)
    if (directory / "test_batch.bin").exists():
        names = ["test_batch.bin"] if split == "test" else [f"data_batch_{number}.bin" for number in range(1, 6)]
        records = np.concatenate([np.fromfile(directory / name, np.uint8).reshape(-1, 3073) for name in names])
        images, labels = records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), records[:, 0]
    else:
        prefix = "t10k" if split == "test" else "train"
        grey = _idx(directory / f"{prefix}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
        labels = _idx(directory / f"{prefix}-labels-idx1-ubyte.gz", 8)
        images = np.pad(grey, ((0, 0), (2, 2), (2, 2)))[..., None].repeat(3, axis=3)
    return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels.astype(np.int64))


def _folders(home, side):
    """Photographs, decoded and fitted to a square as Firesteel does; labels are places of the sorted names of folders."""
    classes = sorted(path for path in home.iterdir() if path.is_dir())
    files = [(path, label) for label, folder in enumerate(classes) for path in sorted(folder.iterdir())]
    images = np.stack([np.asarray(_fitted(path, side)) for path, _ in files])
    return torch.from_numpy(images), torch.tensor([label for _, label in files])


def _fitted(path, side):
    with Image.open(path) as image:
        ImageOps.exif_transpose(image, in_place=True)
        return ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.BILINEAR)


def _idx(path, header):
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def statistics(images):
    """Mean and standard deviation of each channel, in units of 0 to 255."""
    values = images[::10].double()  # every tenth image: the third digit is of no consequence here
    return values.mean((0, 1, 2)).float(), values.std((0, 1, 2)).float()
