import numpy as np
import pytest

from wanflow.pixels.chroma import Tone, envelope, luminance, paint, to_oklab, tone_of

GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


def painted(hue_deg: float, chroma: float) -> np.ndarray:
    a, b = Tone(0.5, chroma, hue_deg).ab
    y = luminance(GREYS)
    return paint(y, np.full_like(y, a), np.full_like(y, b))


def lightness(rgb: np.ndarray) -> np.ndarray:
    y = luminance(rgb).astype(np.float64)
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


@pytest.mark.parametrize("hue_deg", range(0, 360, 30))
def test_lightness_stays_whatever_colour_is_asked(hue_deg: int) -> None:
    change = np.abs(lightness(painted(hue_deg, 0.2)) - lightness(GREYS))
    assert change.mean() <= 0.3
    assert np.percentile(change, 99) <= 0.8


@pytest.mark.parametrize("hue_deg", range(0, 360, 30))
def test_hue_stays_when_chroma_shrinks_to_fit_the_gamut(hue_deg: int) -> None:
    lab = to_oklab(painted(hue_deg, 0.3))
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    turn = (np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) - hue_deg + 180) % 360 - 180
    assert np.abs(turn[chroma > 0.03]).max() < 8


def test_black_and_white_take_no_colour() -> None:
    result = painted(30, 0.2)
    assert result[0].tolist() == [0, 0, 0]
    assert result[255].tolist() == [255, 255, 255]


def test_no_chroma_gives_the_greys_back_exactly() -> None:
    assert np.array_equal(painted(0, 0.0), GREYS)


def test_oklab_of_white_is_one_and_neutral() -> None:
    assert to_oklab(np.array([255, 255, 255], np.uint8)) == pytest.approx([1, 0, 0], abs=1e-3)


def test_oklab_of_pure_red_is_ottossons() -> None:
    assert to_oklab(np.array([255, 0, 0], np.uint8)) == pytest.approx([0.628, 0.225, 0.126], abs=2e-3)


def test_a_tone_survives_the_way_to_a_picture_and_back() -> None:
    colour = np.array([84, 134, 74], np.uint8)
    tone = tone_of(colour)
    a, b = tone.ab
    y = luminance(colour[None])
    assert paint(y, np.full_like(y, a), np.full_like(y, b))[0] == pytest.approx(colour, abs=1)


def test_the_envelope_vanishes_at_both_ends_and_is_one_at_the_tones_own_lightness() -> None:
    levels = np.array([0, 0.6, 1], np.float32)
    assert envelope(levels, Tone(0.6, 0.1, 0)) == pytest.approx([0, 1, 0], abs=1e-3)
