"""Pillow decodes images and fits them to one size, as `image-fit` does; one line of JSON with the seconds that took, without
reading the files, and the differences to the pixels in the file OURS. `python -m peers.pillow SIDE OURS < NAMES`."""

import io
import json
import sys
import time
from pathlib import Path

import numpy
import PIL
from PIL import Image, ImageOps


def load(data, side):
    image = Image.open(io.BytesIO(data))
    ImageOps.exif_transpose(image, in_place=True)  # without a copy of an image that is upright
    return ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.BILINEAR)


def main():
    side, ours = int(sys.argv[1]), sys.argv[2]
    files = [Path(name).read_bytes() for name in sys.stdin.read().splitlines()]
    started = time.perf_counter()
    images = [load(data, side) for data in files]
    seconds = time.perf_counter() - started
    theirs = numpy.stack([numpy.asarray(image) for image in images]).astype(int)
    difference = numpy.abs(theirs - numpy.fromfile(ours, numpy.uint8).reshape(theirs.shape))
    told = {"seconds": seconds, "largest": int(difference.max()), "mean": float(difference.mean()), "version": PIL.__version__}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
