from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wanflow.pixels.subject import completed, find_subject, recut, touches_border

PHOTOS = Path(__file__).parent / "photos"


def disc(height: int, width: int, cy: int, cx: int, radius: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return (y - cy) ** 2 + (x - cx) ** 2 < radius**2


def picture_of(mask: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(5)
    rgb = np.where(mask[..., None], (210, 60, 40), (60, 110, 70)) + rng.integers(-10, 11, (*mask.shape, 3))
    return np.clip(rgb, 0, 255).astype(np.uint8)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_a_red_disc_on_green_is_found_and_sure():
    truth = disc(300, 400, 150, 190, 70)
    subject = find_subject(picture_of(truth))
    assert overlap(subject.mask, truth) > 0.95
    assert subject.confidence > 0.6
    assert touches_border(subject.mask) == ()


def test_a_subject_cut_by_one_side_is_found_with_its_side():
    truth = disc(300, 400, 280, 200, 80)
    subject = find_subject(picture_of(truth))
    assert overlap(subject.mask, truth) > 0.9
    assert touches_border(subject.mask) == ("bottom",)


def test_a_region_chooses_between_two_things():
    left, right = disc(200, 400, 100, 90, 50), disc(200, 400, 100, 310, 50)
    mask = find_subject(picture_of(left | right), region=(230, 30, 390, 170)).mask
    assert overlap(mask, right) > 0.9


def test_the_astronaut_is_found_and_the_wall_is_not():
    rgb = np.array(Image.open(PHOTOS / "astronaut.jpg").convert("RGB"))
    mask = find_subject(rgb).mask
    assert mask[300:450, 130:220].mean() > 0.9
    assert mask[20:120, 270:330].mean() < 0.05


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (64, 64), (512, 64)])
def test_a_one_colour_picture_has_no_subject(shape: tuple[int, int]):
    subject = find_subject(np.full((*shape, 3), 128, np.uint8))
    assert not subject.mask.any()
    assert subject.mask.shape == shape
    assert subject.confidence == 0


def test_noise_gives_no_sure_subject():
    rgb = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    assert find_subject(rgb).confidence < 0.45


def test_an_empty_or_outside_region_is_survived():
    rgb = picture_of(disc(100, 100, 50, 50, 20))
    for region in ((10, 10, 10, 10), (500, 500, 600, 600), (90, 90, 5, 5)):
        assert find_subject(rgb, region).mask.shape == (100, 100)


def test_the_subject_is_the_same_twice_and_the_picture_unchanged():
    rgb = picture_of(disc(200, 200, 100, 100, 50))
    before = rgb.copy()
    assert (find_subject(rgb).mask == find_subject(rgb).mask).all()
    assert (rgb == before).all()


def test_a_touch_shorter_than_three_percent_is_no_cut():
    mask = np.zeros((200, 200), bool)
    mask[:20, 0:5] = True
    assert touches_border(mask) == ("left",)


def test_a_rough_mask_is_cut_again_along_the_thing():
    truth = disc(300, 400, 150, 190, 70)
    rough = disc(300, 400, 156, 198, 64)
    assert overlap(rough, truth) < 0.85
    assert overlap(recut(picture_of(truth), rough), truth) > 0.97


def test_a_mask_that_no_colour_bears_out_is_not_lost():
    plain = np.full((200, 300, 3), 120, np.uint8)
    rough = disc(200, 300, 100, 150, 30)
    assert overlap(recut(plain, rough), rough) > 0.4
    nothing = np.zeros((200, 300), bool)
    assert np.array_equal(recut(plain, nothing), nothing)


def test_the_open_inside_of_a_cup_is_completed_to_its_rim():
    body, hollow = disc(300, 400, 170, 200, 100), disc(300, 400, 110, 200, 50)
    cup = picture_of(body | hollow)
    cup[hollow] = np.random.default_rng(1).integers(220, 245, cup[hollow].shape)
    seen = body & ~hollow
    assert overlap(completed(cup, seen), body | hollow) > 0.95


def test_a_whole_thing_needs_no_completion():
    truth = disc(300, 400, 150, 190, 70)
    assert np.array_equal(completed(picture_of(truth), truth), truth)
