from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wanflow.pixels.cartoon import storyboard
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture, functions
from wanflow.pixels.stamp import YELLOW, frame_width

PHOTOS = Path(__file__).parent / "photos"


def photo(name: str) -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("RGB"))


def done(rgb: np.ndarray, prompt: str = "The cartoon character rides a bicycle", seed: int = 0) -> Edited:
    return storyboard(EditRequest("wan/control_cartoon_feature", (Picture(rgb),), None, {"prompt": prompt}, seed))


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_it_is_a_stamped_proxy_of_the_same_size_that_says_what_was_not_drawn(name: str) -> None:
    result = done(photo(name))
    assert result.fidelity is Fidelity.PROXY
    assert result.picture.size == Picture(photo(name)).size
    top = result.picture.rgb[: frame_width(*result.picture.size)].astype(int)
    assert 0.2 < (np.abs(top - YELLOW).max(axis=-1) < 40).mean() < 0.7
    assert result.warnings[0].endswith("was drawn")


@pytest.mark.parametrize("size", [(600, 400), (400, 600)])
def test_the_whole_character_is_shown_and_the_scene_beside_it(size: tuple[int, int]) -> None:
    width, height = size
    red = np.full((height, width, 3), (200, 20, 30), np.uint8)
    sheet = done(red).picture.rgb
    shown = np.abs(sheet.astype(int) - (200, 20, 30)).max(axis=-1) < 12
    rows, columns = (np.flatnonzero(shown.any(axis=axis)) for axis in (1, 0))
    assert shown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.99
    assert np.ptp(columns) / np.ptp(rows) == pytest.approx(width / height, rel=0.05)
    assert shown.mean() > 0.2
    other = done(red, "另一个场景").picture.rgb
    assert (np.abs(sheet.astype(int) - other).max(axis=-1) > 100).sum() > 100


def test_the_same_seed_gives_the_same_bytes_another_seed_others_and_the_input_is_kept() -> None:
    before = photo("chelsea")
    copy = before.copy()
    first, again, other = (done(before, seed=seed).picture.rgb for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(before, copy)


@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 2**31 - 1), prompt=st.text(max_size=60))
@settings(max_examples=40, deadline=None)
def test_any_size_and_prompt_makes_a_card(height: int, width: int, seed: int, prompt: str) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert done(noise, prompt, seed).picture.rgb.shape == noise.shape


@pytest.mark.parametrize("size", [(4096, 512), (512, 4096)])
def test_very_long_pictures_make_a_card(size: tuple[int, int]) -> None:
    assert done(np.zeros((size[1], size[0], 3), np.uint8)).picture.size == size


def test_it_runs_under_its_recipe_name() -> None:
    assert functions()["wan/control_cartoon_feature"] is storyboard
