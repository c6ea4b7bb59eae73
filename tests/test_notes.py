"""A text in a picture's file: found again by us and by Pillow, with every pixel as it was."""

from __future__ import annotations

import contextlib
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from projects import coded, gradient

from wanflow.errors import EditError
from wanflow.pictures.images import describe
from wanflow.pictures.notes import MOST_BYTES, NAMESPACE, note_of, noted

TEXT = '{"prompt": "a < b & c > \\"d\\" ]]> \\u0000 \\u4e2d"}'
ALPHA = np.dstack([gradient(), np.tile(np.arange(64, dtype=np.uint8), (48, 1))])
OTHER = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:source>somebody</dc:source>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
EXIF = Image.Exif()
EXIF[0x010E] = "a description"
FILES = {
    "png": coded(gradient()),
    "png-alpha": coded(ALPHA),
    "jpeg": coded(gradient(), "JPEG"),
    "jpeg-exif": coded(gradient(), "JPEG", exif=EXIF, comment=b"said"),
    "jpeg-xmp": coded(gradient(), "JPEG", xmp=OTHER),
    "jpeg-progressive": coded(gradient(), "JPEG", progressive=True),
    "webp": coded(gradient(), "WEBP"),
    "webp-odd": coded(gradient(63, 47), "WEBP", quality=31),
    "webp-lossless": coded(gradient(), "WEBP", lossless=True),
    "webp-alpha": coded(ALPHA, "WEBP"),
    "webp-lossless-alpha": coded(ALPHA, "WEBP", lossless=True),
    "webp-xmp": coded(gradient(), "WEBP", xmp=OTHER),
    "tiff": coded(gradient(), "TIFF"),
    "tiff-lzw": coded(gradient(), "TIFF", compression="tiff_lzw"),
    "tiff-alpha": coded(ALPHA, "TIFF"),
    "tiff-xmp": coded(gradient(), "TIFF", tiffinfo={700: OTHER}),
}


def kind_of(name: str) -> str:
    return name.partition("-")[0].upper()


def opened(raw: bytes) -> tuple[Image.Image, np.ndarray]:
    with Image.open(io.BytesIO(raw)) as image:
        image.load()
        return image, np.asarray(image)


def packet_of(image: Image.Image) -> bytes:
    """The XMP of a picture as Pillow finds it."""
    packet = image.info["xmp"] if "xmp" in image.info else image.tag_v2[700]
    assert isinstance(packet, bytes)
    return packet


@pytest.mark.parametrize("name", FILES)
def test_a_text_comes_back_and_no_pixel_changes(name: str) -> None:
    raw, kind = FILES[name], kind_of(name)
    assert note_of(raw, kind) is None
    made = noted(raw, kind, TEXT)
    assert note_of(made, kind) == TEXT
    before, after = opened(raw), opened(made)
    assert (after[0].mode, after[0].size) == (before[0].mode, before[0].size)
    assert np.array_equal(after[1], before[1])
    assert describe(made).size == describe(raw).size  # as every input is looked at


@pytest.mark.parametrize("name", FILES)
def test_pillow_reads_it(name: str) -> None:
    image, _ = opened(noted(FILES[name], kind_of(name), TEXT))
    if kind_of(name) == "PNG":
        assert image.text["wanflow"] == TEXT
        return
    tree = ElementTree.fromstring(packet_of(image))  # noqa: S314 - what the test itself wrote
    assert [found.text for found in tree.iter(f"{{{NAMESPACE}}}provenance")] == [TEXT]


@pytest.mark.parametrize("name", ["jpeg-xmp", "webp-xmp", "tiff-xmp"])
def test_other_metadata_stays(name: str) -> None:
    image, _ = opened(noted(FILES[name], kind_of(name), TEXT))
    packet = packet_of(image)
    assert b"<dc:source>somebody</dc:source>" in packet
    assert NAMESPACE.encode() in packet


def test_exif_and_comments_of_a_jpeg_stay() -> None:
    image, _ = opened(noted(FILES["jpeg-exif"], "JPEG", TEXT))
    assert image.getexif()[0x010E] == "a description"
    assert image.info["comment"] == b"said"


@pytest.mark.parametrize("name", FILES)
def test_a_second_text_takes_the_place_of_the_first(name: str) -> None:
    raw, kind = FILES[name], kind_of(name)
    again = noted(noted(raw, kind, "a first, longer text"), kind, TEXT)
    assert note_of(again, kind) == TEXT
    assert b"a first" not in again or kind == "TIFF"  # which is only added to
    assert np.array_equal(opened(again)[1], opened(raw)[1])


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "tiff"])
def test_the_longest_text_fits_and_a_longer_one_is_refused(name: str) -> None:
    raw, kind = FILES[name], kind_of(name)
    longest = "x" * MOST_BYTES[kind]
    made = noted(raw, kind, longest)
    assert note_of(made, kind) == longest
    opened(made)
    with pytest.raises(EditError, match="too many"):
        noted(raw, kind, longest + "x")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("length", [0, 1, 7, 12, 13, 20, 40])
def test_what_is_no_whole_file_is_refused_in_words_or_left_as_it_is(kind: str, length: int) -> None:
    raw = FILES[kind.lower()][:length]
    assert note_of(raw, kind) is None
    try:
        noted(raw, kind, TEXT)
    except EditError as error:
        assert "can't take metadata" in str(error)


@given(st.sampled_from(sorted(FILES)), st.data())
def test_a_damaged_file_ends_in_words(name: str, data: st.DataObject) -> None:
    raw, kind = bytearray(noted(FILES[name], kind_of(name), TEXT)), kind_of(name)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, min(len(raw), 400) - 1) | st.integers(0, len(raw) - 1))
        raw[place] = data.draw(st.sampled_from([0, 1, 0xFF, 0x7F, 0xE1, 0xFE]) | st.integers(0, 255))
    harmed = bytes(raw)
    assert note_of(harmed, kind) is None or isinstance(note_of(harmed, kind), str)
    with contextlib.suppress(EditError):
        noted(harmed, kind, TEXT)


def test_other_metadata_that_can_not_be_added_to_is_not_lost() -> None:
    strange = coded(gradient(), "JPEG", xmp=b"<other/>")
    with pytest.raises(EditError, match="other metadata"):
        noted(strange, "JPEG", TEXT)


def test_metadata_of_a_stranger_are_read_once() -> None:
    # Twenty thousand of these took 37 s while the end of each was looked for.
    endless = coded(gradient(), "WEBP", xmp=b"<wanflow:provenance>" * 100_000)
    assert note_of(endless, "WEBP") is None
    with pytest.raises(EditError, match="other metadata"):
        noted(endless, "WEBP", TEXT)
