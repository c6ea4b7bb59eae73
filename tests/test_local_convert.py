"""local/convert: the file that is stored, read by Pillow alone."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from locally import filled, refused
from PIL import Image, ImageCms
from profiles import ADOBE_RGB, DISPLAY_P3, SRGB, as_srgb, rgb_profile
from projects import coded, gradient, pixels_of

from wanflow.backends.workers import perform
from wanflow.model import Call, Result
from wanflow.pixels.icc import profile
from wanflow.pixels.local.convert import NO_EXIF
from wanflow.store.blobs import Blobs

RGB = gradient(60, 40)
# Orientation, copyright, maker.
PRIVATE = {0x0112, 0x8298, 0x010F}


def converted(raw: bytes, folder: Path, **given: Any) -> tuple[Result, bytes]:
    (folder / "in").write_bytes(raw)
    inputs = {"image": (str(folder / "in"), hashlib.sha256(raw).hexdigest())}
    result = perform(Call("k" * 64, "local/convert", filled("local/convert", given), inputs), folder / "store")
    return result, Blobs(folder / "store").read(result.blobs[0].sha256)


@pytest.mark.parametrize(("kind", "most"), [("png", 0), ("tiff", 0), ("bmp", 0), ("jpeg", 2), ("webp", 4)])
def test_the_file_has_the_format_that_is_asked(kind: str, most: int, tmp_path: Path) -> None:
    result, data = converted(coded(RGB), tmp_path, format=kind)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == kind.upper() == result.blobs[0].format
        assert not PRIVATE & dict(image.getexif()).keys() and "icc_profile" not in image.info
    away = np.abs(pixels_of(data) - RGB)  # the picture has an edge of full contrast, at which lossy coding rings
    assert away.max() == 0 if most == 0 else np.median(away) <= most
    assert converted(coded(RGB), tmp_path, format=kind)[1] == data


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_quality_is_paid_in_bytes(kind: str, tmp_path: Path) -> None:
    sizes = [len(converted(coded(RGB), tmp_path, format=kind, quality=quality)[1]) for quality in (10, 60, 100)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[2] / 2


SPACES = {"adobe_rgb": (ADOBE_RGB, 563 / 256), "display_p3": (DISPLAY_P3, None), "srgb": (SRGB, None)}


def shown(numbers: np.ndarray, name: str) -> np.ndarray:
    """What numbers of a space are in sRGB, by arithmetic."""
    primaries, gamma = SPACES[name]
    if gamma is not None:
        return as_srgb(numbers, primaries, gamma)
    parts = numbers / 255.0
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return as_srgb(255 * linear, primaries, 1.0)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff"])
@pytest.mark.parametrize("name", SPACES)
def test_colours_look_the_same_in_another_space(kind: str, name: str, tmp_path: Path) -> None:
    patches = np.uint8([[200, 100, 50], [40, 160, 90], [128, 128, 128]])
    raw = coded(patches.repeat(32, axis=0)[None].repeat(32, axis=0))
    quality = {"quality": 100} if kind in ("jpeg", "webp") else {}
    _, data = converted(raw, tmp_path, format=kind, profile=name, **quality)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == profile(name)
    numbers = pixels_of(data)[16, 16::32]  # the middle of each patch
    assert np.abs(shown(numbers, name) - patches).max() <= (2 if kind in ("png", "tiff") else 5)
    assert (np.abs(numbers - patches).max() > 8) == (name != "srgb")


@pytest.mark.parametrize("name", SPACES)
def test_a_profile_says_to_others_what_its_space_is(name: str) -> None:
    greys = np.arange(0, 256, 5, np.uint8)
    ramp = np.dstack([greys[None], greys[None, ::-1] // 2 + 60, np.full_like(greys[None], 99)])
    ours = ImageCms.ImageCmsProfile(io.BytesIO(profile(name)))
    seen = ImageCms.profileToProfile(Image.fromarray(ramp), ours, ImageCms.createProfile("sRGB"))
    assert seen and np.abs(np.asarray(seen) - shown(ramp, name)).max() <= 2


def test_a_profile_of_the_source_is_honoured(tmp_path: Path) -> None:
    raw = coded(np.uint8([[[200, 100, 50]]]), icc_profile=rgb_profile(ADOBE_RGB, 563 / 256))
    _, data = converted(raw, tmp_path, format="png")
    assert np.abs(pixels_of(data) - as_srgb(np.uint8([[[200, 100, 50]]]), ADOBE_RGB, 563 / 256)).max() < 2


def exif() -> Image.Exif:
    data = Image.Exif()
    data[0x0112], data[0x8298], data[0x010F] = 6, "(c) Somebody", "A camera"
    details = data.get_ifd(0x8769)
    details[0xA002], details[0xA003], details[0x9003] = 60, 40, "2020:02:02 02:02:02"
    return data


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP"])
def test_exif_is_kept_if_that_is_asked_and_fits_the_upright_picture(kind: str, source: str, tmp_path: Path) -> None:
    raw = coded(RGB, source, exif=exif())
    with Image.open(io.BytesIO(converted(raw, tmp_path, format=kind)[1])) as image:
        assert not PRIVATE & dict(image.getexif()).keys()
    _, data = converted(raw, tmp_path, format=kind, metadata="keep")
    with Image.open(io.BytesIO(data)) as image:
        kept = image.getexif()
        assert (kept[0x8298], kept[0x010F], kept.get(0x0112, 1), image.size) == (
            "(c) Somebody",
            "A camera",
            1,
            (40, 60),
        )
        details = kept.get_ifd(0x8769)
        assert (details[0xA002], details[0xA003], details[0x9003]) == (40, 60, "2020:02:02 02:02:02")
    assert converted(raw, tmp_path, format=kind, metadata="keep")[1] == data


@pytest.mark.parametrize("raw", [coded(RGB), coded(RGB, "JPEG", exif=b"Exif\0\0garbage that is no EXIF")])
def test_a_file_without_readable_exif_is_told(raw: bytes, tmp_path: Path) -> None:
    result, _ = converted(raw, tmp_path, format="jpeg", metadata="keep")
    assert NO_EXIF in result.warnings


def test_transparency_is_kept_or_laid_on_a_colour(tmp_path: Path) -> None:
    raw = coded(np.dstack([RGB, np.zeros((40, 60), np.uint8)]))
    for kind in ("png", "webp", "tiff"):
        with Image.open(io.BytesIO(converted(raw, tmp_path, format=kind)[1])) as image:
            assert image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0)
    result, data = converted(raw, tmp_path, format="bmp")
    assert result.warnings == ("transparency was laid on white",) and (pixels_of(data) == 255).all()
    result, data = converted(raw, tmp_path, format="bmp", color="#0000ff")
    assert not result.warnings and (pixels_of(data) == (0, 0, 255)).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"format": "png", "quality": 90}, ("quality", "png is lossless and has no quality")),
        ({"format": "bmp", "profile": "srgb"}, ("profile", "bmp holds no colour profile")),
        ({"format": "bmp", "metadata": "keep"}, ("metadata", "bmp holds no metadata")),
        ({"format": "webp", "color": "red"}, ("color", "color says nothing with webp, which keeps transparency")),
    ],
)
def test_what_a_format_does_not_have_is_refused(given: dict[str, str], said: tuple[str, str]) -> None:
    assert refused("local/convert", None, **given) == said


def test_what_a_format_can_not_hold_is_refused() -> None:
    assert refused("local/convert", (16_384, 5), format="webp")[1].endswith("webp holds at most 16383 px a side")
