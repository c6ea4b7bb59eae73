from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from wanflow.pixels.engine import Array, Bools
from wanflow.pixels.repeats import find_repeats, grid, over_copies, shifts_of
from wanflow.pixels.writing import find_writing

STEP = 62, 44


@cache
def photo() -> Array:
    return np.asarray(Image.open(Path(__file__).parent / "photos" / "chelsea.jpg").convert("RGB"))[:220, :310]


def tiled(rgb: Array, text: str = "Draft", size: int = 18, share: float = 0.35) -> tuple[Array, Bools]:
    """A pale word over every step of a grid, each row shifted by a third of the one before."""
    plane = Image.new("L", (rgb.shape[1], rgb.shape[0]))
    pen, font = ImageDraw.Draw(plane), ImageFont.load_default(size)
    for row in range(-2, 8):
        for column in range(-3, 9):
            pen.text((column * STEP[0] + row * 20, row * STEP[1]), text, fill=255, font=font)
    cover = np.asarray(plane, np.float32) / 255
    return (rgb + (cover * share)[..., None] * (255 - rgb.astype(np.float32)) + 0.5).astype(np.uint8), cover > 0.5


@cache
def usual() -> tuple[Array, Bools]:
    return tiled(photo())


def test_the_grid_of_a_tiled_mark_is_measured() -> None:
    steps = grid(usual()[0])
    assert steps is not None
    whole = np.array([[STEP[0], 0], [20, STEP[1]]], np.float64) @ np.linalg.inv(steps)
    assert np.abs(whole - np.round(whole)).max() < 0.05


def test_a_photograph_has_no_grid() -> None:
    assert grid(photo()) is None


def test_a_faint_tiled_mark_is_found_all_over() -> None:
    rgb, text = usual()
    mask = find_writing(rgb).mask
    assert mask[text].mean() > 0.95
    assert mask[~(cv2.dilate(text.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)].mean() < 0.05


def test_what_repeats_but_is_no_writing_is_left() -> None:
    y, x = np.mgrid[:300, :400]
    dots = (x % 50 - 25) ** 2 + (y % 50 - 25) ** 2 < 150
    noise = np.random.default_rng(0).normal(0, 6, dots.shape)
    wall = cv2.GaussianBlur(np.where(dots, 60.0, 150.0) + x / 10 + noise, (0, 0), 1)
    rgb = np.repeat(np.clip(wall, 0, 255).astype(np.uint8)[..., None], 3, 2)
    assert find_repeats(rgb) is not None
    assert find_writing(rgb).mask.mean() < 0.01


def test_every_copy_overlaps_the_picture() -> None:
    shifts = shifts_of(np.array([[50.0, 0.0], [0.0, 50.0]]), (100, 120))
    assert (0, 0) in shifts
    assert set(shifts) == {(x, y) for x in (-100, -50, 0, 50, 100) for y in (-50, 0, 50)}


def test_copies_are_averaged_where_they_overlap() -> None:
    mean, varied, count = over_copies(np.array([[1.0, 2.0, 6.0]], np.float32), [(0, 0), (1, 0), (-1, 0)])
    assert mean[0] == pytest.approx([1.5, 3, 4])
    assert varied[0] == pytest.approx([0.25, 14 / 3, 4])
    assert count[0].tolist() == [2, 3, 2]
