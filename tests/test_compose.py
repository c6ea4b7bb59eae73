from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wanflow.errors import EditError
from wanflow.functions import catalog
from wanflow.functions.sizes import SizeError, resulting
from wanflow.pixels.chroma import to_oklab
from wanflow.pixels.compose import card, combine
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture, functions
from wanflow.pixels.stamp import YELLOW, frame_width

PHOTOS = Path(__file__).parent / "photos"
I2I, T2I = (catalog.functions()[name].size for name in ("wan/i2i", "wan/t2i"))


def photo(name: str) -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("RGB"))


def combined(*images: np.ndarray, **parameters: Any) -> Edited:
    parameters = {"prompt": "Put the cup of Image 1 on the moon", **parameters}
    return combine(EditRequest("wan/i2i", tuple(map(Picture, images)), None, parameters))


def carded(prompt: str, seed: int = 0, **parameters: Any) -> Edited:
    return card(EditRequest("wan/t2i", (), None, {"prompt": prompt, **parameters}, seed))


def is_stamped(rgb: np.ndarray) -> bool:
    top = rgb[: frame_width(rgb.shape[1], rgb.shape[0])].astype(int)
    return bool(0.2 < (np.abs(top - YELLOW).max(axis=-1) < 40).mean() < 0.7)


def found(sheet: np.ndarray, picture: np.ndarray) -> tuple[float, tuple[int, int]]:
    """Best correlation of a picture with a part of the sheet over sizes, and where its middle is (x, y)."""
    best = (0.0, (0, 0))
    sheet = cv2.resize(sheet, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    for width in range(60, sheet.shape[1], 4):
        height = round(width * picture.shape[0] / picture.shape[1])
        if height < sheet.shape[0]:
            template = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            _, score, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(sheet, template, cv2.TM_CCOEFF_NORMED))
            best = max(best, (score, (4 * x + 2 * width, 4 * y + 2 * height)))
    return best


def test_inputs_stand_side_by_side_in_their_order() -> None:
    names = ("astronaut", "chelsea", "coffee")
    sheet = combined(*map(photo, names)).picture.rgb
    places = [found(sheet, photo(name)) for name in names]
    assert min(score for score, _ in places) > 0.8
    assert places[0][1][0] < places[1][1][0] < places[2][1][0]


def test_wide_inputs_of_a_tall_sheet_stand_below_each_other() -> None:
    sheet = combined(photo("coffee"), photo("rocket"), size="720*1280").picture.rgb
    places = [found(sheet, photo(name)) for name in ("coffee", "rocket")]
    assert min(score for score, _ in places) > 0.9
    assert places[0][1][1] < places[1][1][1]


def test_a_single_input_is_shown_large() -> None:
    sheet = combined(photo("coffee")).picture.rgb
    score, (x, _) = found(sheet, photo("coffee"))
    assert score > 0.9
    assert abs(x - sheet.shape[1] / 2) < 0.02 * sheet.shape[1]


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [
        ([(600, 400)], {}),
        ([(600, 400), (400, 900)], {}),
        ([(512, 512)], {"size": "1344*576"}),
        ([(384, 1536)], {"size": None}),
        ([(5000, 1250)], {}),
    ],
)
def test_an_image_from_images_has_the_planned_size(sizes: list[tuple[int, int]], parameters: dict[str, Any]) -> None:
    images = [np.full((height, width, 3), 90, np.uint8) for width, height in sizes]
    assert combined(*images, **parameters).picture.size == resulting(I2I, sizes[-1], parameters)


@pytest.mark.parametrize("size", [None, "1280*1280", "1696*960", "960*1696", "2560*640"])
def test_an_image_from_text_has_the_planned_size(size: str | None) -> None:
    assert carded("a cat", size=size).picture.size == resulting(T2I, None, {"size": size})


@given(width=st.integers(384, 5000), height=st.integers(384, 5000))
def test_the_size_without_a_size_is_about_1280_squared_in_the_ratio_of_the_image(width: int, height: int) -> None:
    try:
        size = resulting(I2I, (width, height), {})
    except SizeError:
        assert max(width, height) > 4 * min(width, height)
        return
    assert size is not None
    assert size[0] % 16 == size[1] % 16 == 0
    assert 0.93 * 1638400 < size[0] * size[1] <= 1638400
    assert size[0] / size[1] == pytest.approx(width / height, rel=0.04)


@pytest.mark.parametrize(
    ("rule", "size", "words"),
    [
        (I2I, "256*256", "65536 pixels"),
        (I2I, "2048*2048", "4194304 pixels"),
        (T2I, "700*800", "589824 to 2073600"),
        (T2I, "3200*600", "4:1"),
    ],
)
def test_a_size_that_the_model_does_not_make_is_refused_in_words(rule: Any, size: str, words: str) -> None:
    with pytest.raises(SizeError, match=words) as caught:
        resulting(rule, (1000, 1000), {"size": size})
    assert caught.value.hint


def test_a_size_that_is_not_known_yet_stays_unknown_unless_it_is_given() -> None:
    assert resulting(I2I, None, {}) is None
    assert resulting(I2I, None, {"size": "1280*960"}) == (1280, 960)
    assert resulting({"rule": "same"}, None, {}) is None
    assert resulting(T2I, None, {}) == (1280, 1280)


def test_an_image_longer_than_4_to_1_is_refused_in_words() -> None:
    with pytest.raises(EditError, match="4:1"):
        combined(np.zeros((512, 4096, 3), np.uint8))


def test_a_card_has_the_colours_that_its_prompt_names() -> None:
    def hues(prompt: str) -> np.ndarray:
        rgb = carded(prompt).picture.rgb[60:110, 60:-60]
        lab = to_oklab(rgb)
        return np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360

    assert np.median(hues("a blue door")) == pytest.approx(258, abs=15)
    assert np.median(hues("一朵红色的花")) == pytest.approx(27, abs=15)


def test_a_card_carries_its_prompt() -> None:
    first, second = (carded(prompt).picture.rgb for prompt in ("a red cat", "a red dog"))
    changed = np.abs(first.astype(int) - second).max(axis=-1) > 100
    assert changed[300:900, 150:-150].sum() > 500
    assert not changed[:200].any()


def test_a_very_long_prompt_stays_on_its_sheet() -> None:
    rgb = carded("A small town by the sea at night, 有灯塔和小船。" * 60).picture.rgb
    around = cv2.cvtColor(rgb[60:110, 60:-60], cv2.COLOR_RGB2GRAY)
    assert around.min() > 60


@pytest.mark.parametrize("result", [combined(photo("coffee")), carded("a cat")], ids=["i2i", "t2i"])
def test_both_are_stamped_proxies_that_say_what_was_not_done(result: Edited) -> None:
    assert result.fidelity is Fidelity.PROXY
    assert is_stamped(result.picture.rgb)
    assert len(result.warnings) == 1 and " not " in result.warnings[0]


def test_the_same_seed_gives_the_same_bytes_another_seed_others_and_the_input_is_kept() -> None:
    first, again, other = (carded("a cat", seed).picture.rgb for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    before = photo("chelsea")
    copy = before.copy()
    assert np.array_equal(combined(before).picture.rgb, combined(before).picture.rgb)
    assert np.array_equal(before, copy)


@given(prompt=st.text(max_size=200), seed=st.integers(0, 2**31 - 1))
@settings(max_examples=6, deadline=None)
def test_any_prompt_is_set(prompt: str, seed: int) -> None:
    assert carded(prompt, seed).picture.size == (1280, 1280)


def test_they_run_under_their_recipe_names() -> None:
    assert functions()["wan/i2i"] is combine
    assert functions()["wan/t2i"] is card
