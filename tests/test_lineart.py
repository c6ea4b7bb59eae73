from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wanflow.pixels.lineart import ink_of_sketch, line_art

PHOTOS = Path(__file__).parent / "photos"
NAMES = ["astronaut", "camera", "chelsea", "coffee", "hubble_deep_field", "rocket"]


def photo(name: str) -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("RGB"))[:512, :600]


@pytest.mark.parametrize("name", NAMES)
def test_ink_covers_3_to_15_percent_of_a_photograph(name: str) -> None:
    assert 0.03 < (line_art(photo(name)) < 128).mean() < 0.15


@pytest.mark.parametrize("name", NAMES)
def test_lines_are_black_and_paper_is_white(name: str) -> None:
    lines = line_art(photo(name))
    assert ((lines < 16) | (lines > 239)).mean() > 0.85


@pytest.mark.parametrize("name", NAMES)
def test_lines_lie_where_the_edges_are(name: str) -> None:
    grey = cv2.cvtColor(photo(name), cv2.COLOR_RGB2GRAY)
    slope = cv2.magnitude(*(cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1))))
    # A line is drawn on the dark side of its edge.
    slope = cv2.dilate(slope, np.ones((5, 5), np.uint8))
    inked = line_art(photo(name)) < 128
    assert slope[inked].mean() > 1.5 * slope[~inked].mean()


def test_an_empty_sky_stays_paper() -> None:
    assert (line_art(photo("camera"))[:55] > 250).all()


def test_every_outline_of_a_drawn_shape_is_found() -> None:
    shape = np.full((300, 400, 3), 230, np.uint8)
    cv2.circle(shape, (200, 150), 90, (90, 120, 60), -1)
    lines = line_art(shape)
    ring = np.zeros(lines.shape, np.uint8)
    cv2.circle(ring, (200, 150), 88, 1, 12)
    around = [
        (150 + round(radius * np.sin(turn)), 200 + round(radius * np.cos(turn)))
        for turn in np.linspace(0, 2 * np.pi, 90)
        for radius in range(80, 98)
    ]
    dark = np.array([lines[y, x] < 128 for y, x in around]).reshape(90, -1).any(axis=1)
    assert dark.mean() > 0.97
    assert (lines[ring == 0] > 200).mean() > 0.999


def test_specks_are_left_out() -> None:
    paper = np.full((400, 400, 3), 200, np.uint8)
    paper[100:103, 100:103] = 20
    paper[300:302, 200:203] = 20
    cv2.line(paper, (20, 200), (380, 210), (20, 20, 20), 3)
    lines = line_art(paper)
    assert (lines[:150] > 250).all() and (lines[280:] > 250).all()
    assert (lines[180:230] < 60).any()


def test_a_sketch_keeps_its_own_lines_and_loses_the_shade_of_its_paper() -> None:
    shade = np.repeat(np.linspace(150, 245, 500)[None, :], 300, axis=0)
    sketch = np.repeat(shade[..., None], 3, axis=2).astype(np.uint8)
    pencil = np.zeros(sketch.shape[:2], np.uint8)
    cv2.rectangle(pencil, (60, 60), (430, 240), 1, 3)
    sketch[pencil > 0] //= 3
    lines = ink_of_sketch(sketch)
    assert (lines[pencil > 0] < 100).mean() > 0.97
    assert (lines[cv2.dilate(pencil, np.ones((7, 7))) == 0] > 240).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_one_colour_picture_has_no_lines(level: int) -> None:
    assert (line_art(np.full((90, 120, 3), level, np.uint8)) == 255).all()


def test_lines_of_a_large_picture_are_as_sharp_and_at_the_same_places() -> None:
    small = photo("coffee")
    large = cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    lines = line_art(large)
    assert lines.shape == large.shape[:2]
    assert ((lines < 16) | (lines > 239)).mean() > 0.9
    back = cv2.resize(lines, small.shape[1::-1], interpolation=cv2.INTER_AREA) < 128
    near = cv2.dilate((line_art(small) < 128).astype(np.uint8), np.ones((5, 5))) > 0
    assert near[back].mean() > 0.7


@given(height=st.integers(1, 50), width=st.integers(1, 50), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_any_noise_of_any_size_is_drawn(height: int, width: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert line_art(noise).shape == ink_of_sketch(noise).shape == (height, width)


def test_the_input_is_not_changed_and_the_same_picture_gives_the_same_bytes() -> None:
    before = photo("chelsea")
    copy = before.copy()
    assert np.array_equal(line_art(before), line_art(before))
    assert np.array_equal(before, copy)
