#!/usr/bin/env python3
"""Make the image that `doctor` decodes again and again: 256 x 256 pixels, JPEG of quality 85, as large a file as photographs of
that size are. Needs numpy and Pillow (scripts/setup-python plots). Writes the connector's resource photograph.jpg."""
import pathlib

import numpy
from PIL import Image

SIDE = 256
OUT = pathlib.Path(__file__).resolve().parents[1] / "spark-connector/src/main/resources/io/firesteel/train/doctor/photograph.jpg"

random = numpy.random.default_rng(0)
# Noise whose amplitude falls with its frequency, as that of natural images does.
frequency = numpy.hypot(*numpy.meshgrid(numpy.fft.fftfreq(SIDE), numpy.fft.fftfreq(SIDE)))
spectrum = numpy.fft.fft2(random.normal(size=(3, SIDE, SIDE))) / (frequency + 1 / SIDE) ** 1.2
planes = numpy.fft.ifft2(spectrum).real
low, high = planes.min(), planes.max()
pixels = ((planes - low) / (high - low) * 255).astype(numpy.uint8)
OUT.parent.mkdir(parents=True, exist_ok=True)
Image.fromarray(numpy.moveaxis(pixels, 0, 2)).save(OUT, quality=85)
