"""Image files of every accepted format with anything changed, and what reads them: an EditError or a picture comes out,
soon (which the runner looks at), in little memory.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from random import Random

import runner
from imagefiles import whole

from wanflow.errors import EditError
from wanflow.pictures import images
from wanflow.pixels import codec

# A picture as large as is accepted may take seconds and hundreds of megabytes; these files are small, so that whatever
# takes long or much is out of proportion.
MOST_PIXELS = 1_000_000
MOST_GROWTH_MB = 150
MOST_BYTES = 400_000  # of a case
EDGES = (0, 1, 2, 3, 4, 7, 8, 9, 16, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000)
EDGES += (0xFFFFFFFE, 0xFFFFFFFF)

Chunks = list[tuple[bytes, bytes]]


def probe(raw: bytes) -> None:
    """Read a file in every way that wanflow does. Raises EditError, or AssertionError when one takes much memory."""
    most_pixels, images.MAX_PIXELS = images.MAX_PIXELS, MOST_PIXELS
    try:
        refusals = [_refusal(read, raw) for read in (images.describe, _opened, images.require_sound, codec.decode)]
    finally:
        images.MAX_PIXELS = most_pixels
    for refusal in filter(None, refusals):
        raise refusal


def _opened(raw: bytes) -> None:
    images.open_image(raw).close()


def _refusal(read: Callable[[bytes], object], raw: bytes) -> EditError | None:
    before, refusal = runner.peak_mb(), None
    try:
        read(raw)
    except EditError as error:
        assert error.message
        refusal = error
    grown = runner.peak_mb() - before
    assert grown < MOST_GROWTH_MB, f"{read.__name__} took {grown:,.0f} MB"
    return refusal


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
