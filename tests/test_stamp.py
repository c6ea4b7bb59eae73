from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wanflow.pixels import lettering
from wanflow.pixels.engine import Fidelity, Picture
from wanflow.pixels.stamp import BLACK, HEADLINE, YELLOW, frame_width, stamp, stamped

PHOTOS = Path(__file__).parent / "photos"


def photo(name: str = "coffee") -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("RGB"))


def near(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(pixels.astype(int) - colour).max(axis=-1) < 40


def rim(rgb: np.ndarray, depth: int) -> list[np.ndarray]:
    return [rgb[:depth], rgb[-depth:], rgb[:, :depth], rgb[:, -depth:]]


@pytest.mark.parametrize("size", [(16, 16), (64, 48), (512, 512), (600, 400), (512, 2048), (2048, 512)])
def test_every_side_is_striped_yellow_and_black(size: tuple[int, int]) -> None:
    grey = np.full((size[1], size[0], 3), 128, np.uint8)
    for side in rim(stamp(grey, "add a hat"), frame_width(*size)):
        assert 0.2 < near(side, YELLOW).mean() < 0.7
        assert 0.2 < near(side, BLACK).mean() < 0.7


@pytest.mark.parametrize("size", [(128, 128), (512, 512), (4096, 512), (512, 4096)])
def test_a_band_at_the_bottom_carries_yellow_letters_on_black(size: tuple[int, int]) -> None:
    frame = frame_width(*size)
    inner = stamp(np.full((size[1], size[0], 3), 128, np.uint8), "")[frame:-frame, frame:-frame]
    grey = (inner == 128).all(axis=-1).any(axis=1)
    band = inner[np.flatnonzero(grey)[-1] + 1 :]
    assert not (band == 128).all(axis=-1).any()
    assert near(band, BLACK).mean() > 0.6
    assert near(band, YELLOW).mean() > 0.01


def test_the_middle_of_the_picture_is_left_as_it_was() -> None:
    before = photo()
    height, width = before.shape[:2]
    middle = slice(frame_width(width, height), round(0.65 * height)), slice(width // 10, -width // 10)
    assert np.array_equal(stamp(before, "x" * 900)[middle], before[middle])


def test_the_request_is_shown() -> None:
    assert not np.array_equal(stamp(photo(), "add a hat"), stamp(photo(), "add a cat"))
    assert not np.array_equal(stamp(photo(), "给猫戴上帽子"), stamp(photo(), "给狗戴上帽子"))


def test_chinese_has_letters_of_its_own_and_not_boxes() -> None:
    line = lettering.drawable("给猫戴上一副红色的眼镜，背景不变。")
    assert lettering.BOX not in line
    drawn = {char: np.asarray(lettering.label([(char, 24, (255, 255, 255))], (32, 40), (0, 0, 0), 4)) for char in line}
    assert len({image.tobytes() for image in drawn.values()}) == len(set(line))
    assert all(near(image, (255, 255, 255)).any() for image in drawn.values())


def test_what_the_fonts_lack_is_one_box_and_full_width_letters_are_plain() -> None:
    assert lettering.drawable("a 😀👍🏽 b\n龘龘 Ａ1") == "a □ b □ A1"


@given(text=st.text(max_size=120), size=st.integers(8, 60), room=st.integers(40, 900), most=st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_wrapped_lines_fit_and_lose_nothing_without_saying(text: str, size: int, room: int, most: int) -> None:
    lines = lettering.wrapped(text, size, room, most)
    assert 1 <= len(lines) <= most
    widest = max(lettering.width(char, size) for char in lettering.drawable(text) or " ")
    # One closing sign may hang over the end of its line.
    firm = [line[:-1] if line[-1:] in lettering._CLOSING else line for line in lines]
    assert all(lettering.width(line, size) <= max(room, widest) for line in firm)
    whole = "".join(lines).replace(" ", "") == lettering.drawable(text).replace(" ", "")
    assert whole or lines[-1].endswith("…")


@given(width=st.integers(1, 90), height=st.integers(1, 90), request=st.text(max_size=20))
@settings(max_examples=40, deadline=None)
def test_any_size_is_stamped_and_kept(width: int, height: int, request: str) -> None:
    grey = np.full((height, width, 3), 128, np.uint8)
    result = stamp(grey, request)
    assert result.shape == grey.shape
    assert (result[0] != 128).any()


def test_the_input_is_not_changed_and_the_same_text_gives_the_same_bytes() -> None:
    before = photo()
    copy = before.copy()
    assert np.array_equal(stamp(before, "add a hat"), stamp(before, "add a hat"))
    assert np.array_equal(before, copy)


def test_a_stamped_picture_is_an_opaque_proxy_and_says_what_became_of_its_alpha() -> None:
    rgb = photo()
    alpha = np.full(rgb.shape[:2], 100, np.uint8)
    result = stamped(Picture(rgb, alpha), HEADLINE, "first")
    assert result.fidelity is Fidelity.PROXY
    assert result.picture.alpha is None
    assert result.warnings == ("first", "transparency was laid on white")
