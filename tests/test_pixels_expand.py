from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from wanflow.functions.sizes import expanded
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture, apply
from wanflow.pixels.expand import unevenness
from wanflow.pixels.patches import learn, level

PHOTOS = Path(__file__).parent / "photos"
ROOT = Path(__file__).parents[1]
SIDES = ("left_scale", "top_scale", "right_scale", "bottom_scale")
scales = st.integers(100, 200).map(lambda n: n / 100)


def photo(name: str, factor: int = 2) -> np.ndarray:
    image = Image.open(PHOTOS / name).convert("RGB")
    return np.array(image.resize((image.width // factor, image.height // factor)))


def grown(rgb: np.ndarray, seed: int = 0, alpha: np.ndarray | None = None, **parameters: object) -> Edited:
    return apply(EditRequest("wan/expand", (Picture(rgb, alpha),), parameters=parameters, seed=seed))


def test_all_scales_at_one_and_a_half_give_one_and_a_half_times_the_size():
    assert expanded(1024, 768, dict.fromkeys(SIDES, 1.5)) == (1536, 1152, 256, 192)


def test_one_side_doubled_adds_half_the_width_on_that_side_only():
    assert expanded(1000, 600, {"left_scale": 2.0}) == (1500, 600, 500, 0)
    assert expanded(1000, 600, {"right_scale": 2.0}) == (1500, 600, 0, 0)


def test_missing_and_null_scales_leave_the_size():
    assert expanded(640, 480, {"left_scale": None}) == (640, 480, 0, 0)


@given(st.integers(1, 4096), st.integers(1, 4096), scales, scales, scales, scales)
def test_the_size_is_exact_and_the_picture_lies_inside(
    w: int, h: int, left: float, top: float, right: float, bottom: float
):
    values = dict(zip(SIDES, (left, top, right, bottom), strict=True))
    width, height, x, y = expanded(w, h, values)
    assert abs(width - w * Fraction(round(left * 100) + round(right * 100), 200)) <= Fraction(1, 2)
    assert abs(height - h * Fraction(round(top * 100) + round(bottom * 100), 200)) <= Fraction(1, 2)
    assert 0 <= x <= width - w
    assert 0 <= y <= height - h


def test_planning_a_size_imports_nothing_heavy():
    code = "import sys, wanflow.functions.sizes; assert not {'numpy', 'cv2', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_original_pixels_are_kept_exactly_and_the_size_is_the_planned_one():
    rgb = photo("coffee.jpg", 4)
    parameters = {"left_scale": 1.3, "top_scale": 1.5, "right_scale": 1.0, "bottom_scale": 1.25}
    made = grown(rgb, **parameters)
    width, height, left, top = expanded(rgb.shape[1], rgb.shape[0], parameters)
    assert made.picture.size == (width, height)
    assert (made.picture.rgb[top : top + rgb.shape[0], left : left + rgb.shape[1]] == rgb).all()
    assert made.fidelity is Fidelity.APPROXIMATE


def test_scales_of_one_give_the_input():
    rgb = photo("camera.jpg")
    made = grown(rgb, **dict.fromkeys(SIDES, 1.0))
    assert (made.picture.rgb == rgb).all()
    assert made.warnings == ()


def test_the_grown_part_is_textured_and_no_mirror():
    rgb = np.random.default_rng(8).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    made = grown(rgb, right_scale=1.5).picture.rgb
    new, mirrored = made[:, 160:].astype(float), rgb[:, :-41:-1].astype(float)
    assert new.std() > 0.5 * rgb.std()
    assert abs(np.corrcoef(new.ravel(), mirrored.ravel())[0, 1]) < 0.2


def test_a_lone_subject_is_not_copied_into_the_border():
    y, x = np.mgrid[0:200, 0:200]
    disc = (y - 100) ** 2 + (x - 100) ** 2 < 40**2
    noise = np.random.default_rng(1).integers(-10, 11, (200, 200, 3))
    rgb = (np.where(disc[..., None], (220, 40, 30), (70, 120, 80)) + noise).astype(np.uint8)
    made = grown(rgb, left_scale=1.5, right_scale=1.5).picture.rgb.astype(int)
    border = np.concatenate([made[:, :50], made[:, 250:]], axis=1)
    assert (border[..., 0] < 130).all()


def cuts(made: Edited) -> list[str]:
    return [warning for warning in made.warnings if "cut by the" in warning]


def test_one_warning_names_the_growing_sides_that_cut_a_subject():
    rgb = photo("astronaut.jpg")
    assert cuts(grown(rgb, left_scale=1.2, bottom_scale=1.2, top_scale=1.2)) == [
        "what the picture shows is cut by the left and bottom border; what is drawn beyond is rough"
    ]
    assert cuts(grown(rgb, top_scale=1.2)) == []


def test_a_busy_border_is_warned_of_only_where_it_grows_far():
    rgb = photo("astronaut.jpg")
    assert cuts(grown(rgb, top_scale=1.5)) == []
    assert "by the top border" in cuts(grown(rgb, top_scale=2.0))[0]
    assert cuts(grown(photo("camera.jpg"), top_scale=2.0)) == []
    assert cuts(grown(photo("hubble_deep_field.jpg", 8), top_scale=2.0)) == []


def sharpness(rgb: np.ndarray) -> float:
    return float(np.abs(np.diff(rgb.astype(float), axis=1)).mean())


def test_far_beyond_a_busy_border_nothing_is_sharp_and_within_it_all_is_kept():
    rgb = photo("astronaut.jpg")
    made = grown(rgb, top_scale=2.0).picture.rgb
    assert (made[128:] == rgb).all()
    assert sharpness(made[:32]) < 0.3 * sharpness(rgb[:32])


def test_one_texture_stays_in_focus_however_far_it_is_grown():
    coarse = np.random.default_rng(5).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    rgb = np.kron(coarse, np.ones((3, 3, 1), np.uint8))
    made = grown(rgb, right_scale=2.0).picture.rgb
    assert sharpness(made[:, -30:]) > 0.7 * sharpness(made[:, 120:150])


def test_an_odd_pixel_more_than_a_quarter_is_not_far():
    assert grown(photo("chelsea.jpg", 1), left_scale=1.5).warnings == ()


def test_a_place_beyond_the_picture_counts_as_the_nearest_in_it():
    known = np.zeros((40, 60), bool)
    known[:, 20:] = True
    pixels = np.random.default_rng(4).random((40, 60, 3), dtype=np.float32)
    at = level(pixels, ~known, known)
    centres = 10 * 60 + np.array([4, 20, 50])
    places = learn(at, 1.0, np.random.default_rng(0)).describe(at, centres)
    assert (places[0, -2:] == places[1, -2:]).all()
    assert places[2, -1] > places[1, -1]


def test_one_texture_is_even_and_a_scene_is_not():
    noise = np.random.default_rng(2).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    sky_and_sea = np.repeat(np.array([220, 60], np.uint8), 60)[:, None, None] * np.ones((1, 160, 3), np.uint8)
    assert unevenness(noise) < 0.02
    assert unevenness(sky_and_sea) > 0.9
    assert unevenness(np.full((20, 20, 3), 9, np.uint8)) == 0


def test_a_prompt_is_said_to_be_ignored():
    rgb = np.full((64, 64, 3), 50, np.uint8)
    assert any("does not read the prompt" in w for w in grown(rgb, prompt="a wide beach").warnings)
    assert grown(rgb, prompt="  ").warnings == ()


def test_transparency_is_laid_on_white_and_said():
    rgb, alpha = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    made = grown(rgb, alpha=alpha)
    assert (made.picture.rgb == 255).all()
    assert made.picture.alpha is None
    assert any("white" in w for w in made.warnings)


def test_same_seed_gives_the_same_bytes_and_another_seed_another_picture():
    rgb = photo("hubble_deep_field.jpg", 8)
    before = rgb.copy()
    first = grown(rgb, seed=1, right_scale=1.5).picture.rgb
    assert (first == grown(rgb, seed=1, right_scale=1.5).picture.rgb).all()
    assert (first != grown(rgb, seed=2, right_scale=1.5).picture.rgb).any()
    assert (rgb == before).all()


@pytest.mark.parametrize("shape", [(96, 96), (40, 240), (240, 40), (9, 5)])
def test_a_one_colour_picture_grows_in_its_colour(shape: tuple[int, int]):
    made = grown(np.full((*shape, 3), (12, 200, 99), np.uint8), **dict.fromkeys(SIDES, 1.5))
    assert (made.picture.rgb == (12, 200, 99)).all()


def test_a_grey_picture_stays_grey():
    made = grown(photo("camera.jpg", 4), right_scale=1.5).picture.rgb.astype(int)
    assert np.ptp(made, axis=2).max() <= 1
