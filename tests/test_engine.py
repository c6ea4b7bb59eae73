from dataclasses import replace

import cv2
import numpy as np
import pytest
from legal import legal

from wanflow.functions import catalog
from wanflow.pixels.engine import (
    SEEDS,
    EditRequest,
    Fidelity,
    Picture,
    apply,
    candidates,
    functions,
)

# Where the seed decides something, and where nothing is left to decide; the rest may do either, but must say which.
FREE = {
    "wan/colorization": {"prompt": "blue background"},
    "wan/control_cartoon_feature": {"prompt": "rides a bicycle"},
    "wan/description_edit": {"prompt": "make the picture sepia and the subject red"},
    "wan/doodle": {"prompt": "a house"},
    "wan/expand": {"left_scale": 1.2},
    "wan/i2i": {"prompt": "one on the other", "size": "768*768"},
    "wan/stylization_all": {"prompt": "gold foil", "strength": 1.0},
    "wan/stylization_local": {"prompt": "change the subject to wooden style"},
    "wan/t2i": {"prompt": "a fox", "size": "768*768"},
}
LOCAL = {name: legal(function) for name, function in catalog.functions().items() if function.is_local}
PURE = {"wan/super_resolution": {"upscale_factor": 2}, **LOCAL}
PARAMETERS = FREE | PURE


def photo(height: int = 144, width: int = 192) -> Picture:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    disc = ((x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2)[..., None]
    grain = np.random.default_rng(4).normal(0, 9, (height, width, 1))
    rgb = np.where(disc, [200, 150, 60], np.dstack([40 + y / 2, 90 + x / 3, 120 - y / 3])) + grain
    return Picture(rgb.clip(0, 255).astype(np.uint8))


def request(name: str, seed: int = 0, **more: object) -> EditRequest:
    """A request that the function's inputs allow: as many images as it wants, a white disc as its mask."""
    inputs = catalog.functions()[name].inputs
    one = photo()
    images = (one, one) if "images" in inputs else (one,) if "image" in inputs else ()
    disc = cv2.circle(np.zeros_like(one.rgb), (96, 72), 30, (255, 255, 255), -1)
    mask = Picture(disc) if "mask" in inputs else None
    return EditRequest(name, images, mask, {**PARAMETERS.get(name, {"prompt": ""}), **more}, seed)


@pytest.mark.parametrize("name", sorted(functions()))
def test_candidates_differ_or_are_said_to_be_the_same(name: str) -> None:
    made = candidates(request(name, 7), 3)
    pictures = {edited.picture.rgb.tobytes() for edited in made}
    said = ["this edit has no randomness here, so the 3 pictures are the same" in e.warnings for e in made]
    assert len(made) == 3
    assert (len(pictures), said) in ((3, [False] * 3), (1, [True] * 3))
    if name in FREE | PURE:
        assert len(pictures) == (3 if name in FREE else 1)
    # A candidate is the picture of its own seed, also where the first two being the same ended the work.
    assert np.array_equal(made[2].picture.rgb, apply(request(name, 9)).picture.rgb)


def test_one_candidate_is_the_edit_itself_without_another_word() -> None:
    assert [edited.warnings for edited in candidates(request("wan/super_resolution"), 1)] == [()]


def test_seeds_go_on_from_the_last_to_the_first() -> None:
    second = candidates(request("wan/colorization", SEEDS - 1), 2)[1]
    assert np.array_equal(second.picture.rgb, apply(request("wan/colorization", 0)).picture.rgb)


@pytest.mark.parametrize("name", sorted(name for name in functions() if name.startswith("wan/")))
def test_a_watermark_is_written_where_it_is_asked_for(name: str) -> None:
    plain, marked = (apply(request(name, watermark=wanted)) for wanted in (False, True))
    assert marked.picture.size == plain.picture.size
    assert (marked.fidelity, marked.warnings) == (plain.fidelity, plain.warnings)
    y, x = np.nonzero((marked.picture.rgb != plain.picture.rgb).any(axis=2))
    width, height = plain.picture.size
    assert x.min() > 0.4 * width and y.min() > 0.4 * height
    if plain.fidelity is Fidelity.PROXY and plain.free is not None:
        assert x.max() < plain.free[2] and y.max() < plain.free[3], "the stamp is written over"


@pytest.mark.parametrize("name", sorted(name for name in functions() if name.startswith("wan/")))
def test_every_function_takes_the_watermark_parameter(name: str) -> None:
    rule = catalog.functions()[name].properties["watermark"]
    assert (rule["type"], rule["default"]) == ("boolean", False)


def test_a_kept_picture_is_not_written_on_when_its_copy_is() -> None:
    asked = request("wan/stylization_all", strength=0.0, watermark=True)
    before = asked.image.rgb.copy()
    assert not np.array_equal(apply(asked).picture.rgb, before)
    assert np.array_equal(asked.image.rgb, before)


def test_a_transparent_picture_shows_its_watermark() -> None:
    clear = replace(photo(), alpha=np.zeros((144, 192), np.uint8))
    made = apply(EditRequest("wan/super_resolution", (clear,), None, {"watermark": True})).picture
    assert made.alpha is not None and made.alpha.max() > 200
    assert not clear.alpha.any()
