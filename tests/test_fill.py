from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanflow.pixels.fill import fill, window
from wanflow.pixels.nearest import exact


def stripes(height: int = 96, width: int = 96, period: int = 12) -> np.ndarray:
    """Vertical stripes with a little noise, so that there is one right continuation."""
    rng = np.random.default_rng(3)
    wave = (np.arange(width) % period < period // 2) * 160 + 40
    grey = np.tile(wave, (height, 1)) + rng.integers(-4, 5, (height, width))
    return np.dstack([grey, grey, grey]).astype(np.uint8)


def square_hole(shape: tuple[int, int], side: int = 24) -> np.ndarray:
    hole = np.zeros(shape, bool)
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    hole[top : top + side, left : left + side] = True
    return hole


def test_stripes_run_on_through_the_hole():
    truth = stripes()
    hole = square_hole((96, 96))
    filled = fill(np.where(hole[..., None], 0, truth).astype(np.uint8), hole)
    error = np.abs(filled[hole].astype(int) - truth[hole]).mean()
    assert error < 12  # diffusion gives about 70


def test_shades_that_can_not_be_foretold_are_calmer_than_those_around():
    rng = np.random.default_rng(5)
    clouds = cv2.GaussianBlur(rng.normal(0, 1, (160, 160)).astype(np.float32), (0, 0), 4)
    grey = 128 + 30 * clouds / clouds.std() + rng.normal(0, 12, (160, 160))
    rgb = np.dstack([grey] * 3).clip(0, 255).astype(np.uint8)
    hole = square_hole((160, 160), 60)
    filled = fill(rgb, hole).astype(np.float32)
    shades = cv2.GaussianBlur(filled[..., 0], (0, 0), 3)
    grain = filled[..., 0] - shades
    assert shades[hole].std() < 0.85 * shades[~hole].std()
    assert grain[hole].std() > 0.6 * grain[~hole].std()


def test_pixels_outside_the_hole_are_kept_and_the_input_is_not_changed():
    rgb = np.random.default_rng(0).integers(0, 256, (80, 70, 3), dtype=np.uint8)
    before = rgb.copy()
    hole = square_hole((80, 70))
    filled = fill(rgb, hole)
    assert (filled[~hole] == before[~hole]).all()
    assert (rgb == before).all()
    assert (filled[hole] != before[hole]).any()


def test_what_stood_in_the_hole_has_no_influence():
    rgb, hole = stripes(), square_hole((96, 96))
    other = np.where(hole[..., None], 255 - rgb, rgb).astype(np.uint8)
    assert (fill(rgb, hole) == fill(other, hole)).all()


def test_same_seed_gives_the_same_bytes_and_another_seed_others():
    rgb = np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    hole = square_hole((96, 96))
    first = fill(rgb, hole, seed=4)
    assert (first == fill(rgb, hole, seed=4)).all()
    assert (first != fill(rgb, hole, seed=5)).any()


def test_excluded_pixels_are_not_copied():
    rgb = np.full((96, 96, 3), 30, np.uint8)
    rgb[:, 48:] = (250, 20, 20)
    hole = np.zeros((96, 96), bool)
    hole[30:60, 10:40] = True
    source = np.zeros((96, 96), bool)
    source[:, :48] = True
    assert (fill(rgb, hole, source)[hole] == 30).all()


def test_a_picture_without_a_hole_comes_back():
    rgb = stripes()
    assert (fill(rgb, np.zeros((96, 96), bool)) == rgb).all()


def test_a_hole_with_nothing_to_copy_is_diffused():
    rgb = np.full((40, 40, 3), 90, np.uint8)
    hole = square_hole((40, 40), 10)
    assert (fill(rgb, hole, np.zeros((40, 40), bool)) == 90).all()


def test_a_hole_everywhere_still_gives_a_picture():
    rgb = np.full((20, 30, 3), 7, np.uint8)
    assert fill(rgb, np.ones((20, 30), bool)).shape == rgb.shape


def test_a_hole_too_large_to_search_is_carried_up_with_its_texture():
    truth = stripes(700, 900, 40)
    hole = np.zeros((700, 900), bool)
    hole[:, 500:] = True
    filled = fill(np.where(hole[..., None], 0, truth).astype(np.uint8), hole, locality=0)
    assert (filled[~hole] == truth[~hole]).all()
    assert filled[hole].std() > 0.7 * truth[~hole].std()
    assert np.abs(np.diff(filled[350, 500:, 0].astype(int))).max() > 60  # edges stay edges


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_any_size_and_any_hole_give_a_picture(height: int, width: int, seed: int):
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    hole = rng.random((height, width)) < rng.random() ** 2
    filled = fill(rgb, hole)
    assert filled.dtype == np.uint8
    assert (filled[~hole] == rgb[~hole]).all()


def test_the_searched_window_holds_the_hole_and_is_smaller_than_a_large_picture():
    hole = np.zeros((2000, 3000), bool)
    hole[900:950, 100:160] = True
    top, bottom, left, right = window(hole, ~hole)
    assert hole[top:bottom, left:right].sum() == hole.sum()
    assert (bottom - top) * (right - left) < hole.size / 8


@pytest.mark.parametrize("count", [1, 700])
def test_exact_neighbours_are_the_nearest(count: int):
    rng = np.random.default_rng(2)
    targets = rng.random((count, 5), dtype=np.float32)
    sources = rng.random((300, 5), dtype=np.float32)
    index, cost = exact(targets, sources)
    squared = ((targets[:, None] - sources[None]) ** 2).sum(axis=2)
    assert np.allclose(cost, squared.min(axis=1), atol=1e-5)
    assert np.allclose(squared[np.arange(count), index], squared.min(axis=1), atol=1e-5)


def test_a_picture_of_one_row_is_filled_as_one_of_one_column():
    rgb = stripes(1, 400)
    hole = np.zeros((1, 400), bool)
    hole[:, :100] = hole[:, 300:] = True
    assert (fill(rgb, hole)[0] == fill(rgb.transpose(1, 0, 2), hole.T)[:, 0]).all()


@pytest.mark.parametrize("side", [1, 2, 3, 5, 8])
def test_a_small_hole_in_a_large_picture_is_filled(side: int) -> None:
    rgb = stripes(512, 640)
    hole = np.zeros((512, 640), bool)
    hole[300 : 300 + side, 403 : 403 + side] = True
    filled = fill(np.where(hole[..., None], 255, rgb).astype(np.uint8), hole)
    assert (filled[~hole] == rgb[~hole]).all()
    assert np.abs(filled[hole].astype(int) - rgb[hole]).mean() < 12


@pytest.mark.parametrize("step", [3, 4, 12])
def test_many_lines_of_one_pixel_are_filled_soon(step: int) -> None:
    rgb = np.full((512, 512, 3), 90, np.uint8)
    hole = np.zeros((512, 512), bool)
    hole[12:500:step, 12:500] = True
    filled = fill(np.where(hole[..., None], 255, rgb).astype(np.uint8), hole)
    assert np.abs(filled[hole].astype(int) - 90).max() <= 2
