import numpy as np

from wanflow.pixels.engine import Array, Bools
from wanflow.pixels.sameink import completed

YELLOW = 250, 220, 60


def bars() -> tuple[Array, Bools]:
    """Five strokes of one ink on a grey ground, (60, 120, 3), and where they are."""
    rgb = np.random.default_rng(0).integers(90, 130, (60, 120, 3), np.uint8)
    ink = np.zeros((60, 120), bool)
    for left in range(20, 80, 12):
        ink[20:40, left : left + 6] = True
    rgb[ink] = YELLOW
    return rgb, ink


def test_a_letter_that_was_missed_is_added_by_its_ink() -> None:
    rgb, ink = bars()
    found = ink.copy()
    found[:, 68:] = False
    assert (completed(rgb, found) == ink).all()


def test_a_colour_that_much_of_the_picture_has_adds_nothing_apart_from_the_strokes() -> None:
    rgb, ink = bars()
    rgb[44:, :] = YELLOW
    assert (completed(rgb, ink) == ink).all()


def test_strokes_of_many_colours_are_left() -> None:
    _, ink = bars()
    rgb = np.random.default_rng(0).integers(0, 256, (60, 120, 3), np.uint8)
    found = ink.copy()
    found[:, 68:] = False
    assert (completed(rgb, found) == found).all()


def test_nothing_found_adds_nothing() -> None:
    rgb, ink = bars()
    assert not completed(rgb, np.zeros_like(ink)).any()
