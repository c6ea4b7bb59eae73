"""Pictures as they are sent: upright, and opaque where the model takes nothing else; all others byte for byte."""

import io

import numpy as np
import pytest
from PIL import Image
from projects import coded, gradient

from wanflow.backends.dashscope.upright import pure, upright
from wanflow.errors import EditError
from wanflow.pictures.images import describe

LIMIT = 10_485_760
CLEAR = Image.fromarray(np.dstack([gradient(), np.full((48, 64), 60, np.uint8)]))


def turned(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return coded(gradient(), kind, exif=exif)


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_a_plain_picture_goes_as_it_is(kind: str, opaque: bool) -> None:
    data = coded(gradient(), kind)
    assert upright(data, opaque=opaque, max_bytes=LIMIT) is data


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_turned_picture_is_stood_up(kind: str) -> None:
    made = upright(turned(kind), opaque=False, max_bytes=LIMIT)
    assert describe(made).size == describe(turned(kind)).size == (48, 64)
    with Image.open(io.BytesIO(made)) as image:
        assert (image.size, image.format, image.getexif().get(0x0112, 1)) == ((48, 64), kind, 1)
        away = np.abs(np.asarray(image, float) - np.rot90(gradient(), 3))
    assert away.mean() < 10  # the JPEG that was given had lost some before


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_laid_on_white_only_where_it_must(kind: str) -> None:
    data = coded(CLEAR, kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert upright(data, opaque=False, max_bytes=LIMIT) is data
    with Image.open(io.BytesIO(upright(data, opaque=True, max_bytes=LIMIT))) as image:
        assert image.mode == "RGB"
        assert np.asarray(image).min() > 150


def test_a_picture_of_a_palette_with_a_clear_colour_counts_as_transparent() -> None:
    image = Image.fromarray(gradient()).quantize(8)
    with Image.open(io.BytesIO(upright(coded(image, "PNG", transparency=0), opaque=True, max_bytes=LIMIT))) as made:
        assert made.mode == "RGB"


def test_a_broken_picture_is_an_error_in_words() -> None:
    with pytest.raises(EditError):
        upright(b"no picture", opaque=True, max_bytes=LIMIT)


# -- the model's limit


def noise(side: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (side, side, 3), np.uint8)


def sideways(kind: str, **save: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return coded(noise(200), kind, exif=exif, **save)


def test_a_turned_jpeg_keeps_within_the_limit_by_its_quality() -> None:
    given = sideways("JPEG", quality=90, subsampling=2)
    best = upright(given, opaque=False, max_bytes=LIMIT)
    limit = len(best) - 1
    assert len(given) < limit
    assert len(upright(given, opaque=False, max_bytes=limit)) <= limit


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_turned_picture_that_cannot_keep_within_the_limit_is_refused_in_words(kind: str) -> None:
    with pytest.raises(EditError, match=r"MB once it is turned upright, and the model takes 0\.0\. Put a local/fit"):
        upright(sideways(kind), opaque=False, max_bytes=10_000)


def test_a_picture_over_the_limit_is_not_sent() -> None:
    with pytest.raises(EditError, match="ImageTooLarge: the picture has 0"):
        upright(coded(noise(200), "PNG"), opaque=False, max_bytes=10_000)


# -- masks


def drawn(soft: bool) -> np.ndarray:
    levels = np.zeros((48, 64, 3), np.uint8)
    levels[10:30, 10:30] = 255
    if soft:
        levels[9, 10:30], levels[30, 10:30] = 100, 180
    return levels


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_a_pure_mask_goes_as_it_is(kind: str) -> None:
    data = coded(drawn(soft=False), kind)
    assert pure(data, max_bytes=LIMIT) is data


@pytest.mark.parametrize(
    "data",
    [
        coded(drawn(soft=True), "PNG"),
        coded(drawn(soft=True), "JPEG", quality=95),
        coded(Image.fromarray(np.dstack([drawn(soft=True), np.full((48, 64), 9, np.uint8)])), "PNG"),
    ],
    ids=["soft edges", "lossy", "transparent"],
)
def test_a_mask_is_sent_in_pure_black_and_white(data: bytes) -> None:
    wanted = drawn(soft=False)
    wanted[30, 10:30] = 255
    with Image.open(io.BytesIO(pure(data, max_bytes=LIMIT))) as made:
        assert (made.format, made.mode) == ("PNG", "RGB")
        assert (np.asarray(made) == wanted).all()


def test_a_turned_mask_is_stood_up() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(io.BytesIO(pure(coded(drawn(soft=False), "PNG", exif=exif), max_bytes=LIMIT))) as made:
        assert (np.asarray(made) == np.rot90(drawn(soft=False), 3)).all()
