"""Image files of every accepted format with anything changed, and what reads them: an EditError or a picture comes out,
soon, in little memory.

    python tests/fuzz/images.py --count 10000 --seed 1
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import resource
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import cv2
import numpy as np
from PIL import Image, ImageCms

from wanflow import images
from wanflow.errors import EditError
from wanflow.pixels import codec

# A picture as large as is accepted may take seconds and hundreds of megabytes; these files are small, so that whatever
# takes long or much is out of proportion.
MOST_PIXELS = 1_000_000
MOST_S = 1.0
MOST_GROWTH_BYTES = 150_000_000
MOST_BYTES = 400_000  # of a case
EDGES = (0, 1, 2, 3, 4, 7, 8, 9, 16, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000)
EDGES += (0xFFFFFFFE, 0xFFFFFFFF)

Chunks = list[tuple[bytes, bytes]]


def probe(raw: bytes) -> None:
    """Read a file in every way that wanflow does. Raises whatever isn't an EditError, AssertionError when it is slow."""
    refusals(raw)


def refusals(raw: bytes) -> list[str]:
    """The codes with which each way to read a file refuses it; "" of one that doesn't."""
    images.MAX_PIXELS = MOST_PIXELS
    return [_read(read, raw) for read in (images.describe, _opened, images.require_sound, codec.decode)]


def _opened(raw: bytes) -> None:
    images.open_image(raw).close()


def _read(read: Callable[[bytes], object], raw: bytes) -> str:
    began = time.process_time()
    try:
        read(raw)
        code = ""
    except EditError as error:
        assert error.message
        code = error.code
    spent = time.process_time() - began
    assert spent < MOST_S, f"{read.__name__} took {spent:.1f} s of a processor"
    return code


# -- whole files


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


def coded(image: Image.Image, kind: str, **settings: object) -> bytes:
    """An image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)  # type: ignore[arg-type]  # each format has settings of its own
    return buffer.getvalue()


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


# -- files taken apart and put together again


def apart(raw: bytes) -> tuple[Chunks, Callable[[Chunks], bytes]] | None:
    """A file's pieces by name, and what makes a file of pieces; None for a format that has none in a row."""
    if raw.startswith(b"\x89PNG"):
        return list(_png(raw)), _as_png
    if raw.startswith(b"RIFF"):
        return list(_riff(raw)), _as_riff
    if raw.startswith(b"\xff\xd8"):
        return list(_jpeg(raw)), lambda pieces: b"\xff\xd8" + b"".join(name + body for name, body in pieces)
    return None


def _png(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 12 <= len(raw):
        length = int.from_bytes(raw[at : at + 4], "big")
        yield raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
        at += 12 + length


def _as_png(pieces: Chunks) -> bytes:
    made = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in pieces
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def _riff(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(raw):
        length = int.from_bytes(raw[at + 4 : at + 8], "little")
        yield raw[at : at + 4], raw[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _as_riff(pieces: Chunks) -> bytes:
    made = b"".join(name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2) for name, body in pieces)
    return b"RIFF" + struct.pack("<I", len(made) + 4) + b"WEBP" + made


def _jpeg(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 2
    while at + 4 <= len(raw) and raw[at] == 0xFF:
        end = at + 2 + int.from_bytes(raw[at + 2 : at + 4], "big") if raw[at + 1] != 0xDA else len(raw)
        yield raw[at : at + 4], raw[at + 4 : end]
        at = end


# -- changes


def cases(random: Random) -> Iterator[bytes]:
    """Changed files without end."""
    files = sorted(whole().values())
    while True:
        raw = random.choice(files)
        for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
            raw = random.choice(CHANGES)(raw, random, files)[:MOST_BYTES]
        yield raw


def flip(raw: bytes, random: Random, files: list[bytes]) -> bytes:
    """Some bits turned."""
    changed = bytearray(raw or b"\0")
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        changed[_place(changed, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def field(raw: bytes, random: Random, files: list[bytes]) -> bytes:
    """A number at the edge of what fits: a length, a count, a side, an offset."""
    size, order = random.choice((1, 2, 2, 4, 4, 8)), random.choice(("big", "little"))
    number = random.choice((*EDGES, len(raw), len(raw) - 1, random.randrange(1 << 16)))
    at = _place(raw, random)
    return raw[:at] + (number % (1 << 8 * size)).to_bytes(size, order) + raw[at + size :]


def cut(raw: bytes, random: Random, files: list[bytes]) -> bytes:
    """Its end missing."""
    return raw[: random.randrange(len(raw) + 1)]


def lose(raw: bytes, random: Random, files: list[bytes]) -> bytes:
    """Some of its middle missing."""
    at = _place(raw, random)
    return raw[:at] + raw[at + random.choice((1, 2, 4, 12, 100)) :]


def double(raw: bytes, random: Random, files: list[bytes]) -> bytes:
    """Some of it twice or many times."""
    at = _place(raw, random)
    piece = raw[at : at + random.choice((1, 2, 4, 12, 64, 1000))]
    return raw[:at] + piece * random.choice((2, 2, 3, 50, 2000)) + raw[at:]


def fill(raw: bytes, random: Random, files: list[bytes]) -> bytes:
    """One byte many times in its middle."""
    at = _place(raw, random)
    return (
        raw[:at]
        + random.choice((b"\0", b"\xff", b"\xff\xd8", b"\xff\xda", b"A")) * random.choice((1, 9, 5000))
        + raw[at:]
    )


def graft(raw: bytes, random: Random, files: list[bytes]) -> bytes:
    """The end of another file behind the beginning of this one."""
    other = random.choice(files)
    return raw[: _place(raw, random)] + other[_place(other, random) :]


def shuffle(raw: bytes, random: Random, files: list[bytes]) -> bytes:
    """Its pieces doubled, dropped, exchanged, changed, or those of another file among them; checksums made good."""
    taken = apart(raw)
    if not taken or not taken[0]:
        return entry(raw, random, files)
    pieces, together = taken
    at = random.randrange(len(pieces))
    match random.randrange(5):
        case 0:
            pieces[at:at] = [pieces[at]] * min(
                random.choice((1, 2, 200, 12_000)), MOST_BYTES // len(pieces[at][1] or b"1")
            )
        case 1:
            del pieces[at]
        case 2:
            pieces.insert(random.randrange(len(pieces)), pieces.pop(at))
        case 3:
            name, body = pieces[at]
            pieces[at] = (name, random.choice(CHANGES[:6])(body, random, files))
        case _:
            others = apart(random.choice(files))
            if others and others[1].__name__ == together.__name__ and others[0]:
                pieces.insert(at, random.choice(others[0]))
    return together(pieces)


def entry(raw: bytes, random: Random, files: list[bytes]) -> bytes:
    """An entry of the first directory of a TIFF, wherever that is, with another tag, type, count or value."""
    start = random.choice([at for at in (raw.find(b"II*\0"), raw.find(b"MM\0*")) if at >= 0] or [-1])
    if start < 0 or len(raw) < start + 8:
        return field(raw, random, files)
    order = "<" if raw[start : start + 1] == b"I" else ">"
    at = start + struct.unpack_from(order + "I", raw, start + 4)[0]
    if at + 14 > len(raw):
        return field(raw, random, files)
    count = struct.unpack_from(order + "H", raw, at)[0]
    at += 2 + 12 * random.randrange(min(count, 40) + 1)
    where, kind = random.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H")))
    number = random.choice((*EDGES, len(raw), *range(254, 340), random.randrange(20)))
    number %= 1 << 8 * struct.calcsize(kind)
    number = start if random.random() < 0.05 and kind == "I" else number
    return raw[: at + where] + struct.pack(order + kind, number) + raw[at + where + struct.calcsize(kind) :]


CHANGES = (flip, flip, field, field, field, cut, lose, double, fill, graft, shuffle, shuffle, shuffle, entry)


def _place(raw: bytes | bytearray, random: Random) -> int:
    # Headers stand near the beginning, directories of TIFF near the end: that is where a change matters.
    part = random.choice((random.random(), random.random() ** 3, 1 - random.random() ** 3))
    return min(int(len(raw) * part), max(0, len(raw) - 1))


# -- by itself


def main() -> None:
    """Probe --count cases of a --seed; what a crash of the process was at is in a file of the folder for such things."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    faulthandler.enable()
    faulthandler.dump_traceback_later(3600, exit=True)
    last = Path(tempfile.gettempdir()) / f"wanflow-fuzz-images-{asked.seed}"
    for name, raw in whole().items():
        assert refusals(raw) == [""] * 4, (name, refusals(raw))
    codes, slowest, before = Counter[str](), 0.0, peak_bytes()
    for number, raw in zip(range(asked.count), cases(Random(asked.seed)), strict=False):
        last.write_bytes(raw)
        faulthandler.dump_traceback_later(60, exit=True)
        began = time.process_time()
        try:
            codes.update(refusals(raw))
            assert (grown := peak_bytes() - before) < MOST_GROWTH_BYTES, f"it took {grown:,} bytes more"
        except Exception as error:
            kept = last.with_name(f"{last.name}-{number}")
            kept.write_bytes(raw)
            print(f"case {number}, {len(raw)} bytes, is in {kept}: {type(error).__name__}: {error}", file=sys.stderr)
            raise
        if (spent := time.process_time() - began) > slowest:
            slowest = spent
            last.with_suffix(".slowest").write_bytes(raw)
    last.unlink(missing_ok=True)
    shown = ", ".join(f"{code or 'read'} {count:,}" for code, count in codes.most_common())
    grown = (peak_bytes() - before) / 1e6
    print(f"{asked.count:,} files, each read in 4 ways: slowest {1000 * slowest:.0f} ms, {grown:.0f} MB more; {shown}")


def peak_bytes() -> int:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
