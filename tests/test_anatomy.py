"""Files that are built to exhaust who reads them are refused before any library sees them, and no ordinary one is."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from imagefiles import tiled, whole, with_thumbnail
from PIL import Image, PngImagePlugin
from projects import coded, gradient

from wanflow.errors import EditError
from wanflow.pictures import anatomy
from wanflow.pictures.images import describe, open_image, require_sound
from wanflow.pixels import codec

WHOLE = whole()
PHOTOS = sorted((Path(__file__).parent / "photos").glob("*.jpg"))
UNPROVEN = ("bmp-os2",)


def kind_of(raw: bytes) -> str:
    with Image.open(io.BytesIO(raw)) as image:
        return str(image.format)


# -- ordinary files


@pytest.mark.parametrize("name", WHOLE)
def test_an_ordinary_file_passes_and_is_known_to_be_whole_without_its_pixels(name: str) -> None:
    raw = WHOLE[name]
    anatomy.refuse_bomb(raw)
    assert anatomy.ends_well(raw, kind_of(raw))
    require_sound(raw)
    assert describe(raw).size == codec.decode(raw).size


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.name)
def test_a_photograph_passes_and_is_whole(path: Path) -> None:
    raw = path.read_bytes()
    anatomy.refuse_bomb(raw)
    assert anatomy.ends_well(raw, "JPEG")
    assert not anatomy.ends_well(raw[: len(raw) // 2], "JPEG")


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_half_of_a_file_is_not_whole(name: str) -> None:
    raw = WHOLE[name]
    assert not anatomy.ends_well(raw[: len(raw) // 2], kind_of(raw))


def test_a_kind_that_nobody_knows_is_not_known_to_be_whole() -> None:
    assert not anatomy.ends_well(b"GIF89a" * 99, "GIF")


def test_a_camera_s_picture_with_thumbnail_is_upright_by_its_first_directory() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        raw = coded(gradient(30, 20), kind, exif=with_thumbnail(6))
        assert (describe(raw).size, codec.decode(raw).size) == ((20, 30), (20, 30)), kind


def test_a_large_picture_in_many_strips_passes() -> None:
    rows = coded(gradient(8, 3000), "TIFF", tiffinfo={278: 1}, compression="packbits")
    anatomy.refuse_bomb(rows)
    assert anatomy.ends_well(rows, "TIFF")
    assert describe(rows).size == (8, 3000)


def test_an_exif_directory_that_is_text_in_a_png_is_read() -> None:
    exif = with_thumbnail(6)
    text = f"\nexif\n{len(exif):8}\n" + "\n".join(exif.hex()[at : at + 72] for at in range(0, 2 * len(exif), 72))
    assert describe(png_with("Raw profile type exif", text)).size == (20, 30)
    assert describe(png_with("Raw profile type exif", "\nexif\n 9\nno hex")).size == (30, 20)


def png_with(name: str, text: str) -> bytes:
    notes = PngImagePlugin.PngInfo()
    notes.add_text(name, text)
    return coded(gradient(30, 20), "PNG", pnginfo=notes)


# -- files that are not


def chunk(name: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(*chunks: bytes) -> bytes:
    raw = coded(gradient(30, 20))
    return raw[:33] + b"".join(chunks) + raw[33:]


def jpeg(*segments: bytes, scans: int = 0) -> bytes:
    raw = coded(gradient(30, 20), "JPEG")
    scan = raw[raw.index(b"\xff\xda") : -2]
    return raw[:2] + b"".join(segments) + raw[2:-2] + scan * scans + b"\xff\xd9"


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def webp(body: bytes, pieces: int = 1) -> bytes:
    raw = coded(gradient(30, 20), "WEBP")
    more = b"EXIF" + struct.pack("<I", len(body)) + body
    made = raw[12:] + more * pieces
    return b"RIFF" + struct.pack("<I", len(made) + 4) + b"WEBP" + made


def directory(entries: list[tuple[int, int, int, int]], following: int = 0, order: str = "<") -> bytes:
    body = b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
    return struct.pack(order + "H", len(entries)) + body + struct.pack(order + "I", following)


def tiff(entries: list[tuple[int, int, int, int]], following: int = 0, after: bytes = b"") -> bytes:
    return b"II*\0" + struct.pack("<I", 8) + directory(entries, following) + after


def big_tiff(count: int, at: int = 16) -> bytes:
    return b"II+\0\x08\0\0\0" + struct.pack("<QQ", at, count) + bytes(400)


# Each claims the whole file; of one tag, so that who counts tags counts one.
GREEDY = [(700, 1, 60_000, 8)] * 3000
DEEP = b"II*\0" + struct.pack("<I", 8) + directory([(0x8769, 4, 1, 26)]) + directory(GREEDY)
FLAT = tiff(GREEDY)

BOMBS = {
    "a JPEG in pieces": (jpeg(segment(0xFE, b"") * 10_001), "it is in over 10,000 pieces"),
    "a JPEG of fill bytes": (jpeg(b"\xff" * 20_000), "it is in over 10,000 pieces"),
    "a JPEG of metadata": (jpeg(segment(0xE2, bytes(65_000)) * 500), "it has over 32 MB before its picture"),
    "a JPEG of scans": (jpeg(scans=101), "it has over 100 scans"),
    "EXIF in a JPEG": (jpeg(segment(0xE1, b"Exif\0\0" + FLAT[:60_000])), "its EXIF data claims to be far more"),
    "EXIF in several pieces": (
        jpeg(*[segment(0xE1, b"Exif\0\0" + FLAT[at : at + 20_000]) for at in (0, 20_000)]),
        "its EXIF data claims to be far more",
    ),
    "EXIF in a PNG": (png(chunk(b"eXIf", FLAT)), "its EXIF data claims to be far more"),
    "EXIF in a WebP": (webp(FLAT), "its EXIF data claims to be far more"),
    "EXIF within EXIF": (png(chunk(b"eXIf", DEEP)), "its EXIF data claims to be far more"),
    "EXIF as text": (png_with("Raw profile type exif", "\nexif\n1\n" + DEEP.hex()), "its EXIF data claims to be far"),
    "EXIF without end": (png(chunk(b"eXIf", bytes(4_000_001))), "its EXIF data claims to be far more"),
    "a PNG in pieces": (png(chunk(b"tEXt") * 10_001), "it is in over 10,000 pieces"),
    "a PNG in data chunks": (png(chunk(b"IDAT") * 100_001), "it is in over 10,000 pieces"),
    "a WebP in pieces": (webp(b"", pieces=100_001), "it is in over 100,000 pieces"),
    "a TIFF that claims more than it is": (FLAT, "its directory claims more than the file holds"),
    "a TIFF of entries": (tiff([(700, 1, 1, 0)] * 4_001), "its directory claims more than the file holds"),
    "a BigTIFF of entries": (big_tiff(1 << 62), "its directory claims more than the file holds"),
    "a TIFF of strips": (
        tiff([(273, 4, 100_001, 26)], after=bytes(400_100)),
        "it is in over 100,000 strips",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_words(name: str) -> None:
    raw, said = BOMBS[name]
    for read in (open_image, describe, require_sound, codec.decode):
        with pytest.raises(EditError) as caught:
            read(raw)
        assert caught.value.code == "ImageUnfit"
        assert caught.value.message.startswith(said)
        assert caught.value.message.endswith("; no ordinary program writes such a picture. Save it anew")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (tiff([], 14 + 6) + b"\0\0" + directory([]), "the image has 2 pages; save the one you mean as PNG"),
        (tiff([], 8), "the image has 2 pages; save the one you mean as PNG"),  # after itself, without end
        (
            b"".join([b"II*\0\x08\0\0\0", *(directory([], 8 + 6 * number) for number in range(1, 1500)), bytes(99)]),
            "the image has over 1,000 pages; save the one you mean as PNG",
        ),
    ],
)
def test_pages_are_counted_without_reading_them(raw: bytes, said: str) -> None:
    with pytest.raises(EditError) as caught:
        open_image(raw)
    assert (caught.value.code, caught.value.message) == ("ImageFormat", said)


def test_what_looks_like_scans_behind_a_picture_is_no_bomb() -> None:
    """Some cameras append pictures, or anything, to a picture."""
    for raw in (jpeg() + b"\xff\xda" * 500, jpeg() + jpeg() * 150, jpeg(segment(0xFE, b"\xff\xda" * 500))):
        anatomy.refuse_bomb(raw)
        assert describe(raw).size == (30, 20)


def test_a_jpeg_that_ends_within_its_scans_is_no_bomb_but_cut_short() -> None:
    raw = jpeg(scans=99)[:-2]
    anatomy.refuse_bomb(raw)
    anatomy.refuse_bomb(jpeg()[:-2] + b"\xff\xda\x10\0" * 150)


# Found by tests/fuzz: each ended in an error of Python's, not in words.
FOUND = {
    "a BigTIFF whose directory lies beyond any file": big_tiff(1, at=(1 << 64) - 1),
    "a BigTIFF whose next directory lies beyond any file": b"II+\0\x08\0\0\0"
    + struct.pack("<QQ", 16, 0)
    + struct.pack("<Q", (1 << 64) - 8),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_fuzzing_found_is_refused_in_words(name: str) -> None:
    with pytest.raises(EditError):
        describe(FOUND[name])


# -- whether a file is there up to its end


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"II*\0\x08\0\0\0", "TIFF"),  # no directory
        (b"no TIFF at all", "TIFF"),
        (tiff([(256, 3, 1, 8)]), "TIFF"),  # no strips
        (tiff([(273, 2, 1, 8), (279, 4, 1, 4)]), "TIFF"),  # text for a place
        (tiff([(273, 4, 9_999, 8), (279, 4, 1, 4)]), "TIFF"),  # more places than the file holds
        (tiff([(273, 4, 1, 8), (279, 4, 2, 8)]), "TIFF"),  # more lengths than places
        (tiff([(273, 4, 1, 8), (279, 4, 1, 0)]), "TIFF"),  # a strip of no length
        (tiff([(273, 4, 1, 8), (279, 4, 1, 4000)]), "TIFF"),
        (tiled()[:-1], "TIFF"),
        (b"BM" + bytes(12) + struct.pack("<I", 12) + bytes(99), "BMP"),  # OS/2
        (b"BM", "BMP"),
        (WHOLE["bmp-runs"][:-1], "BMP"),
        (WHOLE["bmp"][:-3], "BMP"),
        (WHOLE["webp"][:-1], "WEBP"),
        (WHOLE["png"][:-100], "PNG"),
    ],
)
def test_what_can_not_be_known_to_be_whole_is_looked_at_more_closely(raw: bytes, kind: str) -> None:
    assert not anatomy.ends_well(raw, kind)


def test_the_sixteen_bits_and_the_tiles_are_read_right() -> None:
    assert (codec.decode(tiled()).rgb[:16, :16, 0] == np.arange(256).reshape(16, 16)).all()
    assert (codec.decode(WHOLE["png-16"]).rgb == codec.decode(WHOLE["tiff-16"]).rgb).all()
