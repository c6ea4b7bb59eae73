"""Small image files of every accepted format, as programs and cameras write them."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from PIL import Image, ImageCms
from projects import coded


def whole() -> dict[str, bytes]:
    """Small files of every accepted format, as programs and cameras write them."""
    y, x = np.mgrid[0:14, 0:22]
    rgb = np.stack([x * 11, y * 17, (x * 5 + y * 9) % 256], axis=-1).astype(np.uint8)
    picture, grey = Image.fromarray(rgb), Image.fromarray(rgb[..., 0])
    clear = Image.fromarray(np.dstack([rgb, rgb[..., 1]]))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noted = {"exif": with_thumbnail(6), "icc_profile": profile}
    wide = {"tiffinfo": {278: 8}}  # rows a strip
    files = {
        "png": coded(picture, "PNG", **noted),
        "png-clear": coded(clear, "PNG"),
        "png-palette": coded(picture.quantize(9), "PNG", transparency=3),
        "png-bits": coded(grey.convert("1"), "PNG"),
        "png-16": cv2.imencode(".png", rgb.astype(np.uint16) * 257)[1].tobytes(),
        "jpeg": coded(picture, "JPEG", **noted),
        "jpeg-progressive": coded(picture, "JPEG", progressive=True, restart_marker_blocks=2),
        "jpeg-grey": coded(grey, "JPEG", comment=b"a comment", dpi=(72, 72)),
        "jpeg-cmyk": coded(picture.convert("CMYK"), "JPEG"),
        "mpo": coded(picture, "MPO", save_all=True, append_images=[grey.convert("RGB")]),
        "webp": coded(picture, "WEBP", **noted),
        "webp-lossless": coded(clear, "WEBP", lossless=True),
        "webp-clear": coded(clear, "WEBP", quality=40, **noted),
        "tiff": coded(picture, "TIFF", **wide, **noted),
        "tiff-grey": coded(Image.fromarray(rgb[..., 0].astype(np.uint16) * 257), "TIFF"),
        "tiff-fax": coded(grey.convert("1"), "TIFF", compression="group4"),
        "tiff-big": coded(picture, "TIFF", big_tiff=True),
        "tiff-16": cv2.imencode(".tiff", rgb.astype(np.uint16) * 257)[1].tobytes(),
        "tiff-palette": coded(picture.quantize(9), "TIFF"),
        "tiff-motorola": motorola(),
        "tiff-tiles": tiled(),
        "bmp": coded(picture, "BMP"),
        "bmp-palette": coded(picture.quantize(9), "BMP"),
        "bmp-clear": coded(clear, "BMP"),
        "bmp-runs": runs(),
    }
    packings = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    return files | {f"tiff-{packing}": coded(picture, "TIFF", compression=packing, **wide) for packing in packings}


def with_thumbnail(orientation: int) -> bytes:
    """EXIF as a camera writes it: an orientation, a directory of its own, and a small JPEG."""
    small = coded(Image.new("RGB", (4, 3), "red"), "JPEG")
    main = [(0x0112, 3, 1, orientation << 16), (0x8769, 4, 1, 38)]
    parts = [b"MM\0*", struct.pack(">I", 8), _directory(main, 56), _directory([(0x9000, 7, 4, 0x30323332)], 0)]
    parts.append(_directory([(0x0103, 3, 1, 6 << 16), (0x0201, 4, 1, 98), (0x0202, 4, 1, len(small))], 0))
    return b"Exif\0\0" + b"".join(parts) + small


def _directory(entries: list[tuple[int, int, int, int]], following: int) -> bytes:
    body = b"".join(struct.pack(">HHII", *entry) for entry in entries)
    return struct.pack(">H", len(entries)) + body + struct.pack(">I", following)


def motorola() -> bytes:
    """A TIFF with the high byte first, 8x4 px of grey in two strips."""
    sides = [(256, 3, 1, 8 << 16), (257, 3, 1, 4 << 16), (258, 3, 1, 8 << 16), (259, 3, 1, 1 << 16)]
    looks = [(262, 3, 1, 1 << 16), (273, 4, 2, 122), (277, 3, 1, 1 << 16), (278, 3, 1, 2 << 16), (279, 3, 2, 0x100010)]
    return (
        b"MM\0*" + struct.pack(">I", 8) + _directory(sides + looks, 0) + struct.pack(">II", 130, 146) + bytes(range(32))
    )


def tiled() -> bytes:
    """A TIFF in four tiles of 16x16 px of grey, of which a 22x24 px picture is cut."""
    shorts = {256: 22, 257: 24, 258: 8, 259: 1, 262: 1, 277: 1, 322: 16, 323: 16}
    entries = [(tag, 3, 1, value) for tag, value in shorts.items()]
    entries += [(324, 4, 4, 134), (325, 4, 4, 150)]
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)
    return head + struct.pack("<8I", *range(166, 166 + 1024, 256), *[256] * 4) + bytes(range(256)) * 4


def runs() -> bytes:
    """A BMP of 8x2 px packed as run lengths."""
    data = b"\x08\x01\0\0\x00\x04\x01\x02\x03\x00\x04\x02\0\1"
    palette = bytes(range(16))
    start = 14 + 40 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, 8, 2, 1, 8, 1, len(data), 0, 0, 4, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + palette + data
