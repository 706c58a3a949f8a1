#!/usr/bin/env python3
"""Make the JPEG and PNG files beside this script and the pixels that Pillow reads from them (Pillow 12.3, which
`scripts/setup-python plots` installs with numpy).

Every kind of file that rust-core/image reads, of the same drawing. list.txt has a line for each: name, and height and width
of its upright pixels. reference.rgb holds for each line, in that order, the upright RGB pixels and what ImageOps.fit makes of
them at each of FITS. wide.rgb is the fit of wide.jpg alone, whose pixels would be too many.
"""
import io
import pathlib
import struct
import zlib

import numpy
from PIL import ExifTags, Image, ImageOps

HERE = pathlib.Path(__file__).resolve().parent
HEIGHT, WIDTH = 21, 27  # odd, and no multiple of a JPEG's blocks
FITS = [(10, 12), (8, 30)]  # height, width: smaller, and one that is enlarged to the side
WIDE_FIT = (32, 32)


def drawing(height, width):
    """Slopes in three directions with a bright disc; smooth enough for files of a few hundred bytes."""
    y, x = numpy.mgrid[0:height, 0:width] / max(height, width)
    disc = (y - 0.3) ** 2 + (x - 0.4) ** 2 < 0.04
    planes = [230 * x + 20 * disc, 250 * y, 240 - 160 * x - 70 * y]
    return numpy.stack(planes, axis=-1).clip(0, 255).astype(numpy.uint8)


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **{"quality": 90, **options})
    return out.getvalue()


def one_scan_each(image):
    """A JPEG with a scan for each component, put together from three gray ones, which have the same tables."""
    grays = [jpeg(plane) for plane in image.convert("YCbCr").split()]
    frame, scan = grays[0].index(b"\xff\xc0"), grays[0].index(b"\xff\xda")
    size, tables = grays[0][frame + 4 : frame + 9], grays[0][frame + 13 : scan]  # the precision is in the first byte
    components = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    out = grays[0][:frame] + b"\xff\xc0\0\x11" + size + b"\3" + components + tables
    for number, gray in enumerate(grays, 1):
        out += b"\xff\xda\0\x08\1" + bytes([number]) + b"\0\0\x3f\0" + gray[gray.index(b"\xff\xda") + 10 : -2]
    return out + b"\xff\xd9"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PASSES = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]  # Adam7: y, x, steps


def png(samples, depth, colour, interlaced=False, before=b""):
    """A PNG of height x width x channels; Pillow writes neither 16 bits of colour nor interlaced files."""
    height, width, channels = samples.shape
    data = b""
    for top, left, down, right in PASSES if interlaced else [(0, 0, 1, 1)]:
        for row in samples[top::down, left::right] if left < width else []:
            bits = "".join(f"{value:0{depth}b}" for value in row.ravel())
            bits += "0" * (-len(bits) % 8)
            data += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    chunks = [chunk(b"IHDR", header), before, chunk(b"IDAT", zlib.compress(data, 9)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpegs(colour):
    image = Image.fromarray(colour)
    for name, subsampling in {"444": 0, "422": 1, "420": 2}.items():
        yield f"jpeg-{name}.jpg", jpeg(image, subsampling=subsampling)
        yield f"jpeg-progressive-{name}.jpg", jpeg(image, subsampling=subsampling, progressive=True)
    yield "jpeg-rgb.jpg", jpeg(image, keep_rgb=True)
    yield "jpeg-restarts.jpg", jpeg(image, restart_marker_blocks=1)
    yield "jpeg-scans.jpg", one_scan_each(image)
    yield "jpeg-gray.jpg", jpeg(image.convert("L"))
    yield "jpeg-gray-progressive.jpg", jpeg(image.convert("L"), progressive=True)
    cmyk = jpeg(image.convert("CMYK"))
    yield "jpeg-cmyk.jpg", cmyk
    adobe = cmyk.index(b"Adobe") + 11  # the colour transform: 0 is CMYK, 2 is YCCK
    yield "jpeg-ycck.jpg", cmyk[:adobe] + b"\2" + cmyk[adobe + 1 :]
    for orientation in range(1, 9):
        yield f"exif-{orientation}.jpg", jpeg(image, exif=exif(orientation))


def exif(orientation):
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = "Firesteel"
    tags[ExifTags.Base.Orientation] = orientation
    return tags.tobytes()


def pngs(colour):
    gray = colour[:, :, :1]
    wide = colour.astype(int) * 256 + 100  # 16 bits, whose low byte is another than the high one
    alpha = (255 - gray).astype(int)
    for depth in (1, 2, 4, 8):
        yield f"png-gray-{depth}.png", png(gray >> (8 - depth), depth, 0)
    yield "png-gray-16.png", png(wide[:, :, :1], 16, 0)
    yield "png-gray-transparent.png", png(gray, 8, 0, before=chunk(b"tRNS", b"\0\x40"))
    yield "png-gray-alpha.png", png(numpy.concatenate([gray, alpha], axis=-1), 8, 4)
    yield "png-gray-alpha-16.png", png(numpy.concatenate([wide[:, :, :1], wide[:, :, 1:2]], axis=-1), 16, 4)
    yield "png-rgb.png", png(colour, 8, 2)
    yield "png-rgb-16.png", png(wide, 16, 2)
    yield "png-rgb-transparent.png", png(colour, 8, 2, before=chunk(b"tRNS", b"\0\x40\0\x40\0\x40"))
    yield "png-rgba.png", png(numpy.concatenate([colour, alpha], axis=-1), 8, 6)
    yield "png-rgba-16.png", png(numpy.concatenate([wide, wide[:, :, :1]], axis=-1), 16, 6)
    for depth in (1, 2, 4, 8):
        entries = [bytes([40 * index % 256, 255 - index, 7 * index % 256]) for index in range(1 << depth)]
        palette = chunk(b"PLTE", b"".join(entries))
        yield f"png-palette-{depth}.png", png(gray >> (8 - depth), depth, 3, before=palette)
    yield "png-palette-transparent.png", png(gray, 8, 3, before=palette + chunk(b"tRNS", bytes(range(200))))
    yield "png-interlaced.png", png(colour, 8, 2, interlaced=True)
    yield "png-interlaced-gray-2.png", png(gray >> 6, 2, 0, interlaced=True)
    yield "png-exif.png", png(colour, 8, 2, before=chunk(b"eXIf", exif(6).removeprefix(b"Exif\0\0")))


def read(data):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode == "I;16":  # Pillow's conversion clips where that of 16-bit colour takes the high byte
        return Image.fromarray((numpy.asarray(image) >> 8).astype(numpy.uint8)).convert("RGB")
    return image.convert("RGB")


def fit(image, size):
    height, width = size
    return ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR).tobytes()


def main():
    lines, pixels = [], b""
    colour = drawing(HEIGHT, WIDTH)
    for name, data in [*jpegs(colour), *pngs(colour)]:
        (HERE / name).write_bytes(data)
        image = read(data)
        lines.append(f"{name} {image.height} {image.width}\n")
        pixels += image.tobytes() + b"".join(fit(image, size) for size in FITS)
    (HERE / "list.txt").write_text("".join(lines))
    (HERE / "reference.rgb").write_bytes(pixels)
    wide = jpeg(Image.fromarray(drawing(90, 300)), quality=75)
    (HERE / "wide.jpg").write_bytes(wide)
    (HERE / "wide.rgb").write_bytes(fit(read(wide), WIDE_FIT))
    side = struct.pack(">I", 60_000)  # a header alone, of 10 gigabytes of pixels
    (HERE / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", side + side + b"\x08\2\0\0\0"))


if __name__ == "__main__":
    main()
