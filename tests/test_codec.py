import io

import numpy as np
import pytest
from PIL import Image
from profiles import ADOBE_RGB, DISPLAY_P3, as_srgb, cmyk_profile, grey_profile, rgb_profile
from projects import coded, gradient

from wanflow.errors import EditError
from wanflow.pixels.codec import decode, encode, transcode
from wanflow.pixels.engine import Picture

PATCHES = np.array([[[200, 100, 50], [30, 220, 90], [10, 20, 240], [128, 128, 128]]], dtype=np.uint8)
# The EXIF standard: which side of the upright picture the file's first row and first column show.
FIRST = [
    ("top", "left"),
    ("top", "right"),
    ("bottom", "right"),
    ("bottom", "left"),
    ("left", "top"),
    ("right", "top"),
    ("right", "bottom"),
    ("left", "bottom"),
]


def as_stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The rows and columns that a camera would store for this orientation."""
    row, column = FIRST[orientation - 1]
    stored = upright.transpose(1, 0, 2) if row in ("left", "right") else upright
    stored = stored[::-1] if row in ("bottom", "right") else stored
    return np.ascontiguousarray(stored[:, ::-1] if column in ("bottom", "right") else stored)


def turned(upright: np.ndarray, orientation: int, kind: str) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    settings = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    return coded(as_stored(upright, orientation), kind, exif=data, **settings)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "tolerance"), [("PNG", 0), ("WEBP", 0), ("TIFF", 0), ("JPEG", 4)])
def test_picture_comes_out_upright(orientation: int, kind: str, tolerance: int) -> None:
    upright = gradient(40, 24)
    found = decode(turned(upright, orientation, kind)).rgb
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).max() <= tolerance


def test_grey_becomes_three_equal_channels() -> None:
    grey = gradient()[..., 0]
    assert (decode(coded(grey)).rgb == grey[..., None]).all()


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    wide = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16)
    for kind in ("PNG", "TIFF"):
        assert decode(coded(wide, kind)).rgb[0, :, 0].tolist() == [0, 1, 128, 255]


def test_one_bit_picture_is_black_and_white() -> None:
    bits = Image.fromarray(np.array([[0, 255, 255, 0]], dtype=np.uint8)).convert("1")
    assert decode(coded(bits)).rgb[0, :, 0].tolist() == [0, 255, 255, 0]


def test_alpha_is_kept_and_a_full_one_is_dropped() -> None:
    clear = np.dstack([gradient(), gradient()[..., 0]])
    found = decode(coded(clear))
    assert found.alpha is not None
    assert (found.alpha == clear[..., 3]).all()
    clear[..., 3] = 255
    assert decode(coded(clear)).alpha is None


def test_transparent_palette_entry_becomes_alpha() -> None:
    palette = Image.new("P", (3, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putdata([0, 1, 2])
    found = decode(coded(palette, transparency=1))
    assert found.rgb[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert found.alpha is not None
    assert found.alpha[0].tolist() == [255, 0, 255]


@pytest.mark.parametrize(("primaries", "gamma"), [(DISPLAY_P3, 2.2), (ADOBE_RGB, 563 / 256)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_colours_of_a_profile_are_converted(primaries, gamma: float, kind: str) -> None:
    found = decode(coded(PATCHES, kind, icc_profile=rgb_profile(primaries, gamma))).rgb
    expected = as_srgb(PATCHES, primaries, gamma)
    assert np.abs(found - expected).max() < 2
    assert np.abs(PATCHES - expected).max() > 20  # else nothing would be shown


def test_palette_with_a_profile_is_converted_too() -> None:
    palette = Image.fromarray(PATCHES).convert("P", palette=Image.Palette.ADAPTIVE)
    plain = decode(coded(palette)).rgb
    found = decode(coded(palette, icc_profile=rgb_profile(ADOBE_RGB, 563 / 256))).rgb
    assert np.abs(found - as_srgb(plain, ADOBE_RGB, 563 / 256)).max() < 2


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_greys_of_a_profile_are_converted(mode: str) -> None:
    greys = np.array([[0, 40, 128, 200, 255]], np.uint8)
    planes = {"L": greys, "LA": np.dstack([greys, greys // 2 + 9]), "I;16": greys.astype(np.uint16) * 257}
    found = decode(coded(planes[mode], icc_profile=grey_profile(1.0)))
    linear = greys / 255.0
    expected = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(found.rgb[..., 1] - expected).max() < 2
    assert (found.alpha is not None) == (mode == "LA")


def test_a_clear_level_of_sixteen_bits_becomes_alpha() -> None:
    wide = np.array([[0, 300, 301, 65535]], dtype=np.uint16)
    found = decode(coded(wide, transparency=300))
    assert found.alpha is not None
    assert found.alpha[0].tolist() == [255, 0, 255, 255]


def test_profile_does_not_touch_alpha() -> None:
    clear = np.dstack([PATCHES, np.array([[0, 80, 160, 255]], dtype=np.uint8)])
    found = decode(coded(clear, icc_profile=rgb_profile(DISPLAY_P3, 2.2)))
    assert found.alpha is not None
    assert found.alpha[0].tolist() == [0, 80, 160, 255]
    assert np.abs(found.rgb - as_srgb(PATCHES, DISPLAY_P3, 2.2)).max() < 2


@pytest.mark.parametrize("profile", [b"not a profile", cmyk_profile()], ids=["garbage", "of another colour space"])
def test_unusable_profile_leaves_the_numbers_as_they_are(profile: bytes) -> None:
    assert (decode(coded(PATCHES, icc_profile=profile)).rgb == PATCHES).all()


def test_cmyk_without_a_profile_is_plain_ink() -> None:
    inks = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    assert decode(coded(inks, "JPEG")).rgb[8, 8].tolist() == [0, 255, 255]


def test_cmyk_with_a_profile_looks_as_the_press_prints_it() -> None:
    inks = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    red, green, blue = decode(coded(inks, "JPEG", icc_profile=cmyk_profile())).rgb[8, 8].tolist()
    assert red == green == blue
    assert abs(red - 119) <= 1  # L* = 50 is 118.9 in sRGB


def test_lossless_is_known_and_survives_storing() -> None:
    from_jpeg = decode(coded(gradient(), "JPEG"))
    assert (from_jpeg.lossless, decode(coded(gradient())).lossless) == (False, True)
    assert not decode(encode(from_jpeg, lossless_source=False)).lossless
    assert decode(encode(from_jpeg, lossless_source=True)).lossless
    assert decode(coded(gradient(), "WEBP", lossless=True)).lossless
    assert not decode(coded(gradient(), "WEBP")).lossless


def test_stored_picture_is_the_same_to_the_bit() -> None:
    picture = Picture(gradient(), gradient()[..., 2].copy())
    again = decode(encode(picture))
    assert again.alpha is not None
    assert (again.rgb == picture.rgb).all()
    assert (again.alpha == picture.alpha).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    assert (decode(transcode(coded(gradient()), kind, None)).rgb == gradient()).all()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_quality_decides_size_and_likeness(kind: str) -> None:
    low, high = (transcode(coded(gradient(200, 200)), kind, quality) for quality in (20, 95))
    assert len(low) < len(high)
    assert np.abs(decode(high).rgb.astype(int) - gradient(200, 200)).mean() < 2


def test_transparency_becomes_white_where_there_is_none() -> None:
    clear = np.dstack([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)])
    assert (decode(transcode(coded(clear), "BMP", None)).rgb == 255).all()


def test_picture_too_long_for_the_format_is_said_in_words() -> None:
    with pytest.raises(EditError) as caught:
        transcode(coded(np.zeros((1, 17_000, 3), np.uint8)), "WEBP", None)
    assert caught.value.message.startswith("17000x1 px can't be saved as WEBP: ")


def test_outputs_carry_no_orientation_that_would_turn_them_again() -> None:
    raw = transcode(turned(gradient(40, 24), 6, "JPEG"), "JPEG", None)
    with Image.open(io.BytesIO(raw)) as image:
        assert image.size == (40, 24)
        assert image.getexif().get(0x0112, 1) == 1
