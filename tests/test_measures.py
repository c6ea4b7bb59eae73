"""What pictures are judged by: each measure where it must be high and where low, and how often one is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from projects import coded, gradient

from wanflow.errors import EditError
from wanflow.judging.measures import Measures
from wanflow.model import Blob
from wanflow.pictures.images import describe
from wanflow.store.blobs import Blobs
from wanflow.store.index import Index

PHOTOS = sorted((Path(__file__).parent / "photos").glob("*.jpg"))


class Desk:
    """An index, a store, and measures of what is put into it."""

    def __init__(self, folder: Path, index: Index) -> None:
        self.index, self.blobs = index, Blobs(folder)
        self.measures = Measures(index, self.blobs)

    def put(self, pixels: np.ndarray | Image.Image, kind: str = "PNG", **settings: object) -> Blob:
        raw = coded(pixels, kind, **settings)
        self.blobs.put(raw)
        return describe(raw)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with closing(Index.memory()) as index:
        yield Desk(tmp_path, index)


@pytest.fixture(params=PHOTOS, ids=lambda path: path.stem)
def photo(request: pytest.FixtureRequest) -> Image.Image:
    return Image.open(request.param).convert("RGB")


def test_a_blurred_photograph_is_less_sharp_at_any_size(desk: Desk, photo: Image.Image) -> None:
    blurred = photo.filter(ImageFilter.GaussianBlur(3))
    twice = blurred.resize((photo.width * 2, photo.height * 2))
    sharp, soft, large = (desk.measures.sharpness(desk.put(image)) for image in (photo, blurred, twice))
    assert sharp > 20 * soft
    assert large < 2 * soft + 5


def test_a_photograph_is_the_same_as_itself_however_it_is_saved(desk: Desk, photo: Image.Image) -> None:
    base, again = desk.put(photo), desk.put(photo, "JPEG", quality=90)
    assert desk.measures.similarity(base, base) == 1.0
    assert desk.measures.similarity(again, base) > 0.98
    assert desk.measures.same(again, base)


def test_a_small_edit_of_a_large_picture_is_no_longer_the_same(desk: Desk) -> None:
    pixels = gradient(1200, 900)
    edited = pixels.copy()
    edited[400:420, 600:630] = 255 - edited[400:420, 600:630]
    base, small = desk.put(pixels), desk.put(edited)
    assert not desk.measures.same(small, base)
    assert desk.measures.similarity(small, base) > 0.97


def test_the_same_picture_of_another_size_is_alike_but_not_the_same(desk: Desk, photo: Image.Image) -> None:
    base, half = desk.put(photo), desk.put(photo.resize((photo.width // 2, photo.height // 2)))
    assert not desk.measures.same(half, base)
    assert desk.measures.similarity(half, base) > 0.95


def test_structure_and_colour_both_count(desk: Desk, photo: Image.Image) -> None:
    base = desk.put(photo)
    mirrored = desk.measures.similarity(desk.put(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)), base)
    assert mirrored < 0.75
    if photo.convert("HSV").split()[1].getextrema()[1] > 0:  # one of the photographs is grey
        grey = desk.measures.similarity(desk.put(photo.convert("L")), base)
        assert mirrored < grey < 0.995


def test_a_small_picture_is_equal_to_itself_too(desk: Desk) -> None:
    assert desk.measures.similarity(blob := desk.put(gradient(40, 30)), blob) == 1.0


def test_two_different_photographs_are_hardly_alike(desk: Desk) -> None:
    blobs = [desk.put(Image.open(path)) for path in PHOTOS]
    alike = [desk.measures.similarity(one, other) for one in blobs for other in blobs if one is not other]
    assert max(alike) < 0.45


@pytest.mark.parametrize("noise", [0, 1, 3])
def test_one_colour_is_blank_with_noise_and_when_clear(desk: Desk, noise: int) -> None:
    pixels = 120 + noise * np.random.default_rng(1).standard_normal((600, 800, 3))
    assert desk.measures.blank(desk.put(pixels.round().astype(np.uint8)))
    clear = np.dstack([gradient(64, 48), np.zeros((48, 64), np.uint8)])
    assert desk.measures.blank(desk.put(clear))


def test_a_photograph_and_a_thin_line_are_not_blank(desk: Desk, photo: Image.Image) -> None:
    assert not desk.measures.blank(desk.put(photo))
    line = np.full((1024, 1024, 3), 255, np.uint8)
    line[500:503, 300:700] = 0
    assert not desk.measures.blank(desk.put(line))


def test_only_a_clear_pixel_makes_alpha(desk: Desk) -> None:
    pixels = gradient(64, 48)
    cover = np.full((48, 64), 255, np.uint8)
    assert not desk.measures.alpha(desk.put(np.dstack([pixels, cover])))
    cover[3, 5] = 254
    assert desk.measures.alpha(desk.put(np.dstack([pixels, cover])))


def test_what_was_measured_is_known_without_the_picture(desk: Desk) -> None:
    base, other = desk.put(gradient(64, 48)), desk.put(gradient(64, 48, 3))
    found = desk.measures.sharpness(other), desk.measures.similarity(other, base)
    desk.measures.save()
    for blob in (base, other):
        desk.blobs.discard(blob.sha256)
    later = Measures(desk.index, desk.blobs)
    assert (later.sharpness(other), later.similarity(other, base)) == found
    with pytest.raises(EditError, match="a stored picture can't be read"):
        later.sharpness(base)


def test_nothing_is_written_before_it_is_saved(desk: Desk) -> None:
    blob = desk.put(gradient(64, 48))
    desk.measures.sharpness(blob)
    desk.blobs.discard(blob.sha256)
    with pytest.raises(EditError):
        Measures(desk.index, desk.blobs).sharpness(blob)


def test_a_photograph_beside_the_store_is_read_where_it_lies(desk: Desk, tmp_path: Path) -> None:
    raw = coded(gradient(64, 48))
    (tmp_path / "mine.png").write_bytes(raw)
    desk.measures.lies_at(describe(raw), tmp_path / "mine.png")
    assert not desk.measures.blank(describe(raw))


def test_a_run_measures_beside_its_loop_and_only_what_is_not_known(desk: Desk) -> None:
    base, other = desk.put(gradient(64, 48)), desk.put(gradient(64, 48, 3))
    pairs = [(other, None), (other, base)]
    asyncio.run(desk.measures.prepare(pairs))
    for blob in (base, other):
        desk.blobs.discard(blob.sha256)
    asyncio.run(desk.measures.prepare(pairs))
    assert desk.measures.similarity(other, base) < 1
    assert not desk.measures.blank(other)
