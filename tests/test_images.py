import os

import pytest
from PIL import Image
from projects import coded, gradient, jpeg_that_claims, photo, png_that_claims

from wanflow.errors import EditError
from wanflow.pictures.images import MAX_PIXELS, describe, identify, require_sound
from wanflow.pixels import codec


def exif(orientation: int) -> Image.Exif:
    data = Image.Exif()
    data[0x0112] = orientation
    data[0x010E] = "a description long enough to be cut"
    return data


def test_size_format_and_length_are_told() -> None:
    raw = photo(width=30, height=20)
    blob = describe(raw)
    assert (blob.size, blob.format, blob.size_bytes) == ((30, 20), "PNG", len(raw))


def test_digest_is_that_of_the_bytes_not_of_the_pixels() -> None:
    assert describe(coded(gradient(), compress_level=0)).sha256 != describe(coded(gradient(), compress_level=9)).sha256


@pytest.mark.parametrize(("orientation", "size"), [(1, (30, 20)), (3, (30, 20)), (5, (20, 30)), (8, (20, 30))])
def test_size_is_that_of_the_upright_picture(orientation: int, size: tuple[int, int]) -> None:
    assert describe(coded(gradient(30, 20), "JPEG", exif=exif(orientation))).size == size


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_told_is_that_of_the_picture_as_it_is_decoded(kind: str, orientation: int) -> None:
    raw = coded(gradient(30, 20), kind, exif=exif(orientation))
    assert describe(raw).size == codec.decode(raw).size == ((30, 20) if orientation < 5 else (20, 30))


def test_orientation_outside_the_standard_is_ignored() -> None:
    assert describe(coded(gradient(30, 20), "JPEG", exif=exif(9))).size == (30, 20)


def test_broken_exif_does_not_make_a_picture_unreadable() -> None:
    raw = coded(gradient(30, 20), "JPEG", exif=exif(6))
    start = raw.index(b"Exif\0\0") + 6
    assert describe(raw[: start + 2] + b"\xff" * 12 + raw[start + 14 :]).size == (30, 20)


@pytest.mark.parametrize("raw", [png_that_claims(30_000, 30_000), jpeg_that_claims(30_000, 30_000)])
def test_bomb_is_refused_by_its_header_with_its_size(raw: bytes) -> None:
    with pytest.raises(EditError) as caught:
        describe(raw)
    assert caught.value.message == "900 million pixels; at most 120 million are read"


def test_picture_just_above_the_limit_is_refused_with_its_sides() -> None:
    with pytest.raises(EditError) as caught:
        describe(png_that_claims(12_000, 10_001))
    assert caught.value.message == "12000x10001 px, 120 million pixels; at most 120 million are read"
    assert MAX_PIXELS < 12_000 * 10_001


def test_device_is_refused_and_not_read(tmp_path) -> None:
    pipe = tmp_path / "pipe.png"
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(pipe)
    with pytest.raises(EditError, match="device or a pipe"):
        identify(pipe)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_cut_file_is_found_without_a_run(kind: str) -> None:
    raw = coded(gradient(), kind)
    with pytest.raises(EditError) as caught:
        describe(raw[: len(raw) * 2 // 3])
    assert caught.value.code in ("ImageTruncated", "ImageUnreadable")


def test_jpeg_with_junk_after_its_end_is_whole() -> None:
    assert describe(coded(gradient(), "JPEG") + b"camera notes" * 20).size == (64, 48)


def test_a_png_is_sound_only_with_every_checksum() -> None:
    raw = coded(gradient(), exif=exif(6))
    for place in range(60, len(raw) - 12, 101):
        damaged = bytearray(raw)
        damaged[place] ^= 0x10
        with pytest.raises(EditError):
            require_sound(bytes(damaged))
