from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wanflow.pixels.chroma import to_oklab
from wanflow.pixels.colorize import colorize
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture, functions
from wanflow.pixels.told import HOW

PHOTOS = Path(__file__).parent / "photos"


def grey(name: str) -> np.ndarray:
    plane = np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("L"))
    return np.repeat(plane[..., None], 3, axis=2)


def coloured(rgb: np.ndarray, prompt: str = "", seed: int = 0) -> Edited:
    return colorize(EditRequest("wan/colorization", (Picture(rgb),), None, {"prompt": prompt}, seed))


def lab(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor((rgb / 255).astype(np.float32), cv2.COLOR_RGB2LAB)


def hues_deg(rgb: np.ndarray, chromatic: float = 0.02) -> np.ndarray:
    a, b = to_oklab(rgb)[..., 1], to_oklab(rgb)[..., 2]
    return (np.degrees(np.arctan2(b, a)) % 360)[np.hypot(a, b) > chromatic]


PROMPTS = [
    ("camera", "blue sky, green grass, brown coat"),
    ("astronaut", "orange spacesuit, blue background"),
    ("coffee", "brown wooden table, white cup"),
    ("chelsea", "the cat is ginger"),
    ("rocket", "dark blue sky, orange flames"),
    ("camera", ""),
    ("hubble_deep_field", ""),
]


@pytest.mark.parametrize(("name", "prompt"), PROMPTS)
def test_lightness_is_kept(name: str, prompt: str) -> None:
    rgb = grey(name)
    change = np.abs(lab(coloured(rgb, prompt).picture.rgb)[..., 0] - lab(rgb)[..., 0])
    assert change.mean() <= 0.3
    assert np.percentile(change, 99) <= 0.8


@pytest.mark.parametrize(
    ("name", "prompt", "rows", "columns", "hue_deg"),
    [
        ("camera", "blue sky, green grass, brown coat", slice(0, 40), slice(0, 512), 250),
        ("camera", "blue sky, green grass, brown coat", slice(400, 512), slice(420, 512), 128),
        ("camera", "blue sky, green grass, brown coat", slice(250, 400), slice(40, 100), 57),
        ("camera", "make the sky orange", slice(0, 40), slice(0, 512), 57),
        ("astronaut", "orange spacesuit, blue background", slice(330, 400), slice(60, 200), 57),
        ("chelsea", "the cat is ginger", slice(100, 200), slice(150, 280), 60),
        ("coffee", "棕色木桌,白色杯子", slice(300, 380), slice(480, 600), 58),
    ],
)
def test_asked_hues_are_met_within_25_degrees(
    name: str, prompt: str, rows: slice, columns: slice, hue_deg: float
) -> None:
    hues = hues_deg(coloured(grey(name), prompt).picture.rgb[rows, columns])
    turn = (hues - hue_deg + 180) % 360 - 180
    assert hues.size > 1000
    assert (np.abs(turn) <= 25).mean() >= 0.9


@pytest.mark.parametrize("seed", range(4))
def test_a_grey_cat_gets_no_green_or_blue_from_an_empty_prompt(seed: int) -> None:
    result = lab(coloured(grey("chelsea"), seed=seed).picture.rgb)
    hue = np.degrees(np.arctan2(result[..., 2], result[..., 1])) % 360
    chromatic = np.hypot(result[..., 1], result[..., 2]) > 3
    assert chromatic.mean() > 0.5
    assert not (chromatic & (hue > 105) & (hue < 330)).any()


def test_an_empty_prompt_gives_a_landscape_blue_above_and_green_below() -> None:
    rgb = coloured(grey("camera")).picture.rgb
    assert 220 < np.median(hues_deg(rgb[:40])) < 275
    assert 105 < np.median(hues_deg(rgb[420:, 420:])) < 150


def test_an_empty_prompt_stays_restrained() -> None:
    for name in ("camera", "coffee", "astronaut"):
        result = lab(coloured(grey(name)).picture.rgb)
        assert np.hypot(result[..., 1], result[..., 2]).max() < 40


def test_white_asked_for_stays_neutral() -> None:
    result = lab(coloured(grey("coffee"), "white cup, brown table").picture.rgb)
    cup = result[300:360, 230:330]
    assert np.median(np.hypot(cup[..., 1], cup[..., 2])) < 3


def test_size_and_alpha_are_kept_and_the_input_is_not_changed() -> None:
    rgb = grey("coffee")
    alpha = np.arange(rgb.shape[0] * rgb.shape[1], dtype=np.uint32).reshape(rgb.shape[:2]).astype(np.uint8)
    before = rgb.copy()
    request = EditRequest("wan/colorization", (Picture(rgb, alpha),), None, {"prompt": "red cup"}, 1)
    result = colorize(request)
    assert result.picture.rgb.shape == rgb.shape
    assert result.picture.alpha is not None and np.array_equal(result.picture.alpha, alpha)
    assert np.array_equal(rgb, before)
    assert result.fidelity is Fidelity.APPROXIMATE


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    first, again, other = (coloured(grey("camera"), "blue sky", seed).picture.rgb for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_coloured_picture_is_recoloured_from_its_luminance_and_says_so() -> None:
    colour = np.asarray(Image.open(PHOTOS / "coffee.jpg").convert("RGB"))
    result = coloured(colour, "blue cup")
    assert any("already has colour" in warning for warning in result.warnings)
    assert np.abs(lab(result.picture.rgb)[..., 0] - lab(colour)[..., 0]).mean() <= 0.3


def test_a_grey_picture_is_not_called_coloured() -> None:
    assert coloured(grey("camera"), "blue sky").warnings == ()


def test_a_prompt_without_known_words_is_tinted_and_told_what_is_understood() -> None:
    result = coloured(grey("camera"), "make it wonderful")
    assert len(result.warnings) == 1 and "blue sky" in result.warnings[0]
    assert np.array_equal(result.picture.rgb, coloured(grey("camera")).picture.rgb)


def test_a_word_without_a_place_in_the_picture_is_warned_of() -> None:
    result = coloured(grey("coffee"), "green door")
    assert result.warnings == ('no "door" was found in the picture, so green was left out; ' + HOW,)


def test_two_words_for_one_region_are_warned_of() -> None:
    assert any("saucer" in warning for warning in coloured(grey("coffee"), "white cup, red saucer").warnings)


def test_an_unknown_noun_colours_the_subject_and_says_so() -> None:
    assert any("wyvern" in warning for warning in coloured(grey("chelsea"), "purple wyvern").warnings)


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("prompt", ["", "blue sky, green grass, brown coat", "red flower, orange flames"])
def test_a_one_colour_picture_keeps_its_lightness(level: int, prompt: str) -> None:
    flat = np.full((64, 80, 3), level, np.uint8)
    change = np.abs(lab(coloured(flat, prompt).picture.rgb)[..., 0] - lab(flat)[..., 0])
    assert change.max() <= 0.8


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 99),
    prompt=st.sampled_from(["", "blue sky, brown coat, red hair", "green leaves, white clouds, blue sea", "绿草,人"]),
)
@settings(max_examples=25, deadline=None)
def test_any_noise_of_any_size_is_painted(height: int, width: int, seed: int, prompt: str) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert coloured(noise, prompt, seed).picture.rgb.shape == noise.shape


def test_a_very_long_picture_is_painted() -> None:
    long = cv2.resize(grey("camera"), (4096, 512))
    result = coloured(long, "blue sky").picture.rgb
    assert result.shape == long.shape
    assert 225 < np.median(hues_deg(result[:30])) < 275


def test_a_larger_picture_gets_the_same_colours() -> None:
    small = grey("camera")
    large = cv2.resize(small, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    wish = "blue sky, green grass, brown coat"
    back = cv2.resize(coloured(large, wish).picture.rgb, (512, 512), interpolation=cv2.INTER_AREA)
    assert np.abs(lab(back) - lab(coloured(small, wish).picture.rgb)).mean() < 2.5


def test_it_runs_under_its_recipe_name() -> None:
    assert functions()["wan/colorization"] is colorize
