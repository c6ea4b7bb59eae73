"""Pictures as they are sent: upright, and opaque where the model takes nothing else; all others byte for byte."""

import io

import numpy as np
import pytest
from PIL import Image
from projects import coded, gradient

from wanflow.backends.dashscope.upright import upright
from wanflow.errors import EditError
from wanflow.images import describe

CLEAR = Image.fromarray(np.dstack([gradient(), np.full((48, 64), 60, np.uint8)]))


def turned(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return coded(gradient(), kind, exif=exif)


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_a_plain_picture_goes_as_it_is(kind: str, opaque: bool) -> None:
    data = coded(gradient(), kind)
    assert upright(data, opaque=opaque) is data


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_turned_picture_is_stood_up(kind: str) -> None:
    made = upright(turned(kind), opaque=False)
    assert describe(made).size == describe(turned(kind)).size == (48, 64)
    with Image.open(io.BytesIO(made)) as image:
        assert (image.size, image.format, image.getexif().get(0x0112, 1)) == ((48, 64), kind, 1)
        away = np.abs(np.asarray(image, float) - np.rot90(gradient(), 3))
    assert away.mean() < 10  # the JPEG that was given had lost some before


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_laid_on_white_only_where_it_must(kind: str) -> None:
    data = coded(CLEAR, kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert upright(data, opaque=False) is data
    with Image.open(io.BytesIO(upright(data, opaque=True))) as image:
        assert image.mode == "RGB"
        assert np.asarray(image).min() > 150


def test_a_picture_of_a_palette_with_a_clear_colour_counts_as_transparent() -> None:
    image = Image.fromarray(gradient()).quantize(8)
    with Image.open(io.BytesIO(upright(coded(image, "PNG", transparency=0), opaque=True))) as made:
        assert made.mode == "RGB"


def test_a_broken_picture_is_an_error_in_words() -> None:
    with pytest.raises(EditError):
        upright(b"no picture", opaque=True)
