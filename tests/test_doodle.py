from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wanflow.pixels.chroma import to_oklab
from wanflow.pixels.doodle import cells, doodle
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture, functions
from wanflow.pixels.stamp import YELLOW, frame_width

PHOTOS = Path(__file__).parent / "photos"


def photo(name: str) -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("RGB"))


def done(rgb: np.ndarray, prompt: str = "a picture", seed: int = 0, sketch: bool = False) -> Edited:
    parameters = {"prompt": prompt, "is_sketch": sketch}
    return doodle(EditRequest("wan/doodle", (Picture(rgb),), None, parameters, seed))


def house() -> np.ndarray:
    sketch = np.full((512, 700, 3), 240, np.uint8)
    cv2.line(sketch, (0, 330), (700, 320), (40, 40, 40), 3)
    cv2.rectangle(sketch, (220, 150), (430, 325), (40, 40, 40), 3)
    return sketch


def hue_deg(rgb: np.ndarray) -> float:
    lab = np.median(to_oklab(rgb.reshape(-1, 3)), axis=0)
    return float(np.degrees(np.arctan2(lab[2], lab[1])) % 360)


def test_a_sketch_is_washed_with_the_colours_of_its_prompt_inside_its_lines() -> None:
    result = done(house(), "a red house under a blue sky, green grass", sketch=True).picture.rgb
    assert hue_deg(result[180:300, 240:410]) == pytest.approx(28, abs=25)
    assert hue_deg(result[40:130, 60:180]) == pytest.approx(250, abs=25)
    assert hue_deg(result[350:400, 60:180]) == pytest.approx(128, abs=25)


def test_a_photograph_is_washed_where_the_words_are() -> None:
    result = done(photo("camera"), "蓝天,绿草").picture.rgb
    assert hue_deg(result[30:60, 30:120]) == pytest.approx(250, abs=25)
    assert hue_deg(result[330:360, 430:490]) == pytest.approx(128, abs=25)


def test_the_lines_of_a_sketch_stay_its_own() -> None:
    before = house()
    result = done(before, sketch=True).picture.rgb
    free = slice(30, 380), slice(30, 670)
    assert (result[free][before[free][..., 0] < 100] < 110).mean() > 0.95
    assert (result[free][before[free][..., 0] > 200].mean(axis=-1) > 110).mean() > 0.98


def test_a_small_gap_does_not_let_the_colour_out() -> None:
    ink = np.full((200, 200), 255, np.float32)
    cv2.rectangle(ink, (50, 50), (150, 150), 0, 2)
    ink[50:52, 98:102] = 255
    found = cells(ink)
    assert found[100, 100] != found[10, 10]


def test_every_pixel_belongs_to_a_cell() -> None:
    noise = np.random.default_rng(0).choice(np.array([0, 255], np.float32), (60, 80), p=[0.2, 0.8])
    assert cells(noise).min() == 0
    assert (cells(np.zeros((30, 30), np.float32)) == 0).all()


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_it_is_a_stamped_proxy_of_the_same_size_that_says_what_is_missing(name: str) -> None:
    result = done(photo(name))
    assert result.fidelity is Fidelity.PROXY
    assert result.picture.size == Picture(photo(name)).size
    top = result.picture.rgb[: frame_width(*result.picture.size)].astype(int)
    assert 0.2 < (np.abs(top - YELLOW).max(axis=-1) < 40).mean() < 0.7
    assert any("not painted" in warning for warning in result.warnings)


def test_the_same_seed_gives_the_same_bytes_another_seed_others_and_the_input_is_kept() -> None:
    before = photo("chelsea")
    copy = before.copy()
    first, again, other = (done(before, "a cat", seed).picture.rgb for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(before, copy)


@given(height=st.integers(1, 60), width=st.integers(1, 60), seed=st.integers(0, 99), sketch=st.booleans())
@settings(max_examples=25, deadline=None)
def test_any_noise_of_any_size_is_painted(height: int, width: int, seed: int, sketch: bool) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert done(noise, "blue sky, red house", seed, sketch).picture.rgb.shape == noise.shape


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("sketch", [True, False])
def test_a_one_colour_picture_and_a_very_long_one_are_painted(level: int, sketch: bool) -> None:
    long = np.full((128, 1024, 3), level, np.uint8)
    assert done(long, "green", 1, sketch).picture.rgb.shape == long.shape


def test_it_runs_under_its_recipe_name() -> None:
    assert functions()["wan/doodle"] is doodle
