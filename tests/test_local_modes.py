"""Every local function on every kind of file that is read: the same as on the upright sRGB picture that it shows."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anything import noise, painted, parameters, slots
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from locally import filled
from PIL import Image
from projects import coded, gradient
from test_codec import as_stored

from wanflow.backends.workers import perform
from wanflow.errors import EditError
from wanflow.functions.catalog import functions
from wanflow.functions.sizes import SizeError, base, resulting
from wanflow.model import Blob, Call
from wanflow.pixels import codec, engine
from wanflow.pixels.engine import EditRequest, Picture
from wanflow.store.blobs import Blobs

WIDTH, HEIGHT = 60, 40
RGB = gradient(WIDTH, HEIGHT)
GREY = RGB[..., 2]
ALPHA = RGB[..., 0]
PALETTE = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [250, 250, 0]], np.uint8)
INDICES = GREY // 64
BITS = np.where(GREY > 127, np.uint8(255), np.uint8(0))
INKS = np.dstack([255 - RGB, np.zeros_like(GREY)])


def grey3(plane: np.ndarray) -> np.ndarray:
    return np.repeat(plane[..., None], 3, axis=2)


def _palette(stored: np.ndarray) -> Image.Image:
    image = Image.frombytes("P", stored.shape[::-1], stored.tobytes())
    image.putpalette(PALETTE.tobytes())
    return image


# What is stored, how it becomes an image of the mode, and what a viewer shows: colours and alpha.
MODES: dict[str, tuple[np.ndarray, Any, np.ndarray, np.ndarray | None]] = {
    "1": (BITS, lambda stored: Image.fromarray(stored).convert("1"), grey3(BITS), None),
    "L": (GREY, Image.fromarray, grey3(GREY), None),
    "LA": (np.dstack([GREY, ALPHA]), Image.fromarray, grey3(GREY), ALPHA),
    "P": (INDICES, _palette, PALETTE[INDICES], np.where(INDICES == 1, np.uint8(0), np.uint8(255))),
    "RGB": (RGB, Image.fromarray, RGB, None),
    "RGBA": (np.dstack([RGB, ALPHA]), Image.fromarray, RGB, ALPHA),
    "I;16": (GREY.astype(np.uint16) * 257, Image.fromarray, grey3(GREY), None),
    "CMYK": (INKS, lambda stored: Image.frombytes("CMYK", stored.shape[1::-1], stored.tobytes()), RGB, None),
}
CALLS: dict[str, dict[str, Any]] = {
    "local/compare": {"layout": "split", "before": "a"},
    "local/composite": {"offset": [3, -4], "opacity": 0.6, "scale": 0.5},
    "local/contact_sheet": {"cell_width": 40, "cell_height": 40, "captions": ["a", "b", "c", "d", "e", "f"]},
    "local/convert": {"format": "png"},
    "local/crop": {"box": [3, 5, 20, 30]},
    "local/fit": {"max_side": 33},
    "local/label": {"text": "a 猫", "at": "top_left"},
    "local/mask": {"ellipse": [10, 4, 30, 30]},
    "local/pad": {"ratio": "1:1", "fill": "mirror"},
    "local/resize": {"scale": 1.5},
    "local/rotate": {"angle": 20},
}  # fmt: skip


def stored_file(mode: str, orientation: int) -> bytes:
    plane, make, _, _ = MODES[mode]
    rows = plane if plane.ndim == 3 else plane[..., None]
    rows = as_stored(rows, orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    settings = {"transparency": 1} if mode == "P" else {}
    kind = "TIFF" if mode == "CMYK" else "PNG"
    return coded(make(rows if plane.ndim == 3 else rows[..., 0]), kind, exif=exif, **settings)


def call(name: str, files: list[Path], **given: Any) -> Call:
    function = functions()[name]
    names = ["image"] if "image" in function.inputs else []
    names += [f"images.{number}" for number in range(len(files) - len(names))]
    inputs = {
        slot: (str(file), hashlib.sha256(file.read_bytes()).hexdigest())
        for slot, file in zip(names, files, strict=True)
    }
    return Call("k" * 64, name, filled(name, given), inputs)


def count(name: str) -> int:
    """How many pictures a call of CALLS takes; six are more than are held at once."""
    return {"local/compare": 2, "local/composite": 2, "local/contact_sheet": 6}.get(name, 1)


def made(name: str, files: list[Path], store: Path, **given: Any) -> tuple[Blob, bytes]:
    blob = perform(call(name, files, **given), store).blobs[0]
    return blob, Blobs(store).read(blob.sha256)


def test_every_local_function_is_tried() -> None:
    assert sorted(CALLS) == [name for name, function in functions().items() if function.is_local]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CALLS)
def test_what_is_made_does_not_depend_on_how_the_file_says_it(name: str, mode: str, tmp_path: Path) -> None:
    _, _, rgb, alpha = MODES[mode]
    shown = Picture(rgb, alpha)
    expected = engine.apply(EditRequest(name, (shown,) * count(name), None, filled(name, CALLS[name]))).picture
    for orientation in range(1, 9):
        file = tmp_path / f"{orientation}"
        file.write_bytes(stored_file(mode, orientation))
        blob, data = made(name, [file] * count(name), tmp_path / "store", **CALLS[name])
        found = codec.decode(data)
        assert found.size == expected.size == (blob.width, blob.height)
        assert (found.rgb == expected.rgb).all()
        assert (found.alpha is None) == (expected.alpha is None)
        assert found.alpha is None or expected.alpha is None or (found.alpha == expected.alpha).all()
        with Image.open(io.BytesIO(data)) as image:
            assert image.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("name", CALLS)
def test_the_same_call_makes_the_same_bytes(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(stored_file("RGBA", 6))
    files = [tmp_path / "a"] * count(name)
    assert made(name, files, tmp_path / "1", **CALLS[name]) == made(name, files, tmp_path / "2", **CALLS[name])


LOCAL = sorted(CALLS)


@pytest.mark.parametrize("name", LOCAL)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_plan_promises_the_size_that_is_made(name: str, data: st.DataObject) -> None:
    function = functions()[name]
    sides = st.integers(1, 48)
    number = data.draw(st.integers(1, 4)) if name == "local/contact_sheet" else count(name)
    images = tuple(
        painted(noise, (data.draw(sides), data.draw(sides)), 1, clear=data.draw(st.booleans())) for _ in range(number)
    )
    among = slots(function, images, None)
    given_ = data.draw(parameters(function, max(base(among) or (1, 1))))
    try:
        size = resulting(function.size, base(among), given_, among)
    except SizeError as error:
        event("refused")
        assert str(error) and error.hint
        return
    assert size and min(size) >= 1
    assume(size[0] * size[1] <= 2_000_000)
    try:
        picture = engine.apply(EditRequest(name, images, None, given_)).picture
    except EditError as error:
        assert error.code in ("LabelTooLong", "MaskBlack")
        return
    assert picture.size == size
    event("made")
