"""How an image file is built, read before any library decodes it: what would cost one memory or time out of all
proportion is refused, and whether the file is whole is told without its pixels. Pure; reads the bytes once at most.

JPEG (ITU-T T.81) is a row of marked segments and scans, PNG (ISO 15948) of chunks, TIFF 6.0 a chain of directories
whose entries point anywhere; EXIF is a TIFF inside another file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from wanflow.errors import EditError

# A photograph's EXIF, XMP, profile and preview are under a megabyte, those of a panorama with its depth map ten.
MAX_METADATA_BYTES = 32_000_000
MAX_EXIF_BYTES = 4_000_000
# Each costs a decoder as much as a whole picture; encoders write about ten.
MAX_SCANS = 100
# Encoders write data chunks of 8 kB and more, so a file of the largest size accepted has 61,000.
MAX_CHUNKS = 100_000
MAX_OTHER_CHUNKS = 10_000
MAX_STRIPS = 100_000
MAX_PAGES = 1_000
MAX_ENTRIES = 4_000  # a raw photograph's directory has some hundred

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NUMBERS = {3: "H", 4: "I", 13: "I", 16: "Q"}
_OFFSETS, _COUNTS = (273, 324), (279, 325)
_DIRECTORIES = (0x8769, 0x8825)  # EXIF's own and that of the place, within its first


def refuse_bomb(raw: bytes) -> None:
    """Raises EditError for a file that is built to exhaust whoever reads it."""
    if raw.startswith(b"\xff\xd8\xff"):
        _refuse_jpeg(raw)
    elif raw.startswith(b"\x89PNG\r\n"):
        _refuse_png(raw)
    elif raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        for name, body in _riff(raw):
            if name == b"EXIF":
                refuse_exif(body)
    else:
        _refuse_tiff(raw)


def ends_well(raw: bytes, kind: str) -> bool:
    """Whether a file of a kind is there up to its end, as far as that is told without decoding it."""
    match kind:
        case "JPEG" | "MPO":
            scans_at = max(
                (end for _, _, end in _before_scans(raw)), default=0
            )  # a preview before them has an end, too
            return b"\xff\xd9" in raw[max(scans_at, len(raw) - 4096) :]
        case "PNG":
            return b"IEND" in raw[-64:]
        case "WEBP":
            return len(raw) >= int.from_bytes(raw[4:8], "little") + 8
        case "TIFF":
            return _strips_are_there(raw)
        case "BMP":
            return _rows_are_there(raw)
    return False


# -- JPEG


def _refuse_jpeg(raw: bytes) -> None:
    exif, end = b"", 2
    for pieces, (marker, start, end) in enumerate(_before_scans(raw)):
        if pieces >= MAX_OTHER_CHUNKS:
            raise _bomb(f"it is in over {MAX_OTHER_CHUNKS:,} pieces")
        if end > MAX_METADATA_BYTES:
            raise _bomb(f"it has over {MAX_METADATA_BYTES // 1_000_000} MB before its picture")
        if marker == 0xE1 and raw[start + 4 : start + 10] == b"Exif\0\0":
            exif += raw[start + 10 : end]
    refuse_exif(exif)
    # Nothing else in a picture looks like the start of a scan, but what some cameras append to one may.
    if raw.count(b"\xff\xda", end) > MAX_SCANS and _has_many_scans(raw, end):
        raise _bomb(f"it has over {MAX_SCANS} scans")


def _before_scans(raw: bytes) -> Iterator[tuple[int, int, int]]:
    """What stands before the first scan: markers, where each is, and where the next is."""
    start = 2
    while start + 4 <= len(raw) and raw[start] == 0xFF and (marker := raw[start + 1]) != 0xDA:
        length = 2 + int.from_bytes(raw[start + 2 : start + 4], "big")
        if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD8:  # fill bytes, and markers without a body
            length = 1 if marker == 0xFF else 2
        yield marker, start, start + length
        start += length


def _has_many_scans(raw: bytes, start: int) -> bool:
    scans = steps = 0
    while scans <= MAX_SCANS and steps < 1_000_000:
        start, steps = raw.find(b"\xff", start), steps + 1
        marker = raw[start + 1 : start + 2]
        if start < 0 or not marker or marker == b"\xd9":
            return False
        scans += marker == b"\xda"
        has_body = marker[0] >= 0xC0 and not 0xD0 <= marker[0] <= 0xD8 and marker != b"\xff"
        start += 2 + int.from_bytes(raw[start + 2 : start + 4], "big") if has_body else 1 + (marker != b"\xff")
    return True


# -- PNG


def _refuse_png(raw: bytes) -> None:
    start, chunks, others = 8, 0, 0
    while start + 8 <= len(raw):
        length, name = int.from_bytes(raw[start : start + 4], "big"), raw[start + 4 : start + 8]
        chunks, others = chunks + 1, others + (name != b"IDAT")
        if chunks > MAX_CHUNKS or others > MAX_OTHER_CHUNKS:
            raise _bomb(f"it is in over {MAX_OTHER_CHUNKS:,} pieces")
        if name == b"eXIf":
            refuse_exif(raw[start + 8 : start + 8 + length])
        start += 12 + length


def _riff(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 12
    for _ in range(MAX_CHUNKS):
        if start + 8 > len(raw):
            return
        length = int.from_bytes(raw[start + 4 : start + 8], "little")
        yield raw[start : start + 4], raw[start + 8 : start + 8 + length]
        start += 8 + length + length % 2
    raise _bomb(f"it is in over {MAX_CHUNKS:,} pieces")


# -- TIFF and EXIF


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory of a TIFF: by tag, type, count, and where the values lie; how many entries it has, some perhaps of
    one tag, and how many bytes of the file they want to be read; where the next directory is (0: none).
    """

    raw: bytes
    order: str
    entries: dict[int, tuple[int, int, int]]
    count: int
    claimed_bytes: int
    next_at: int

    @classmethod
    def of(cls, raw: bytes, at: int | None = None, *, bare: bool = False) -> Directory | None:
        """The first directory, or the one at a place, with its entries unless `bare`; None where there is none."""
        order = {b"II": "<", b"MM": ">"}.get(raw[:2], "")
        version = order and len(raw) >= 8 and struct.unpack_from(order + "H", raw, 2)[0]
        if version not in (42, 43):
            return None
        big = version == 43
        number, counter, entry, word = ("Q", "Q", "HHQ8s", 8) if big else ("I", "H", "HHI4s", 4)
        try:
            at = struct.unpack_from(order + number, raw, 8 if big else 4)[0] if at is None else at
            count = struct.unpack_from(order + counter, raw, at)[0]
            start, size = at + struct.calcsize(order + counter), struct.calcsize(order + entry)
            end, entries, claimed = start + count * size, {}, 0
            read = 0 if bare else max(0, min(count, MAX_ENTRIES, (len(raw) - start) // size))
            for place in range(start, start + read * size, size):
                tag, kind, values, inside = struct.unpack_from(order + entry, raw, place)
                value_at, value_size = place + size - word, values * _SIZES.get(kind, 0)
                if value_size > word:
                    value_at = struct.unpack(order + number, inside)[0]
                    claimed += min(value_size, max(0, len(raw) - value_at))
                entries[tag] = kind, values, value_at
            following = struct.unpack_from(order + number, raw, end)[0] if end + word <= len(raw) else 0
        except (struct.error, OverflowError):  # of a place beyond any file
            return None
        return cls(raw, order, entries, count, claimed, following)

    @property
    def is_bomb(self) -> bool:
        """Whether it costs far more to read than its file is long."""
        return self.count > MAX_ENTRIES or self.claimed_bytes > 2 * len(self.raw)

    def numbers(self, tags: tuple[int, ...]) -> tuple[int, ...]:
        """The whole numbers under the first of these tags that is there; none when they can't be read."""
        for kind, count, at in (self.entries[tag] for tag in tags if tag in self.entries):
            if kind in _NUMBERS and at + count * _SIZES[kind] <= len(self.raw):
                return struct.unpack_from(f"{self.order}{count}{_NUMBERS[kind]}", self.raw, at)
        return ()


def refuse_exif(exif: bytes) -> None:
    """Raises EditError for EXIF data that is built to exhaust whoever reads it."""
    exif = exif.removeprefix(b"Exif\0\0")
    main = Directory.of(exif)
    within = [place for tag in _DIRECTORIES for place in (main.numbers((tag,)) if main else ())]
    found = [main, *(Directory.of(exif, place) for place in within[: len(_DIRECTORIES)])]
    if len(exif) > MAX_EXIF_BYTES or any(directory.is_bomb for directory in found if directory):
        raise _bomb("its EXIF data claims to be far more than it is")


def _refuse_tiff(raw: bytes) -> None:
    directory, seen = Directory.of(raw), set[int]()
    if directory is None:
        return
    if directory.is_bomb:
        raise _bomb("its directory claims more than the file holds")
    if any(directory.entries[tag][1] > MAX_STRIPS for tag in _OFFSETS if tag in directory.entries):
        raise _bomb(f"it is in over {MAX_STRIPS:,} strips")
    while (at := directory.next_at) and at not in seen and len(seen) < MAX_PAGES:
        seen.add(at)
        directory = Directory.of(raw, at, bare=True)
        if directory is None:
            return
    if seen:
        pages = f"over {MAX_PAGES:,}" if len(seen) >= MAX_PAGES else len(seen) + 1
        raise EditError("ImageFormat", f"the image has {pages} pages; save the one you mean as PNG")


def _strips_are_there(raw: bytes) -> bool:
    directory = Directory.of(raw)
    if directory is None:
        return False
    offsets, counts = directory.numbers(_OFFSETS), directory.numbers(_COUNTS)
    strips = zip(offsets, counts, strict=False)
    return 0 < len(offsets) == len(counts) and all(at + count <= len(raw) and count for at, count in strips)


# -- BMP


def _rows_are_there(raw: bytes) -> bool:
    if len(raw) < 34 or int.from_bytes(raw[14:18], "little") < 40:
        return False
    at, width, height, _, bits, packed = struct.unpack_from("<I4xiiHHI", raw, 10)
    if packed in (1, 2):  # run lengths, which have a mark at their end
        return raw.endswith(b"\0\1")
    return bool(len(raw) >= at + (width * bits + 31) // 32 * 4 * abs(height))


def _bomb(why: str) -> EditError:
    return EditError("ImageUnfit", f"{why}; no ordinary program writes such a picture. Save it anew")
