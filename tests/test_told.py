"""A hint says where the subject is; every function that looks for one goes by it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from wanflow.pixels import engine
from wanflow.pixels.engine import EditRequest, Hint, Picture
from wanflow.pixels.told import aimed, at_size, place, told
from wanflow.pixels.words import Kind

BOX = (40, 60, 120, 160)


def grey() -> np.ndarray:
    """A grey picture with texture everywhere and nothing that stands out."""
    dice = np.random.default_rng(3)
    return np.repeat(dice.integers(90, 140, (200, 240, 1)).astype(np.uint8), 3, axis=2)


def mask() -> np.ndarray:
    found = np.zeros((200, 240), bool)
    found[60:160, 40:120] = True
    return found


def edited(function: str, prompt: str, hint: Hint, **more: object) -> engine.Edited:
    return engine.apply(EditRequest(function, (Picture(grey()),), parameters={"prompt": prompt, **more}, hint=hint))


def changed(function: str, prompt: str, hint: Hint) -> np.ndarray:
    """Where a pixel is no more as it was, colours counted."""
    spread = edited(function, prompt, hint).picture.rgb.astype(int) - grey()
    return np.abs(spread).max(axis=2) > 12


def test_a_mask_is_taken_as_it_is() -> None:
    assert (told(grey(), Hint(mask=mask())).mask == mask()).all()


def test_a_region_holds_a_thing_or_is_the_thing() -> None:
    flat = told(grey(), Hint(BOX)).mask
    assert flat is not None
    assert not flat[~mask()].any()
    assert flat.sum() > 0.05 * mask().sum()
    rgb = np.full((200, 240, 3), 200, np.uint8)
    rgb[80:140, 60:100] = (30, 60, 160)
    thing = told(rgb, Hint(BOX)).mask
    assert thing is not None
    wanted = np.zeros((200, 240), bool)
    wanted[80:140, 60:100] = True
    assert (thing & wanted).sum() / (thing | wanted).sum() > 0.8


@pytest.mark.parametrize(
    "hint", [Hint(), Hint(mask=np.zeros((200, 240), bool)), Hint((5, 5, 5, 9)), Hint((300, 0, 310, 9))]
)
def test_a_hint_without_a_pixel_tells_nothing(hint: Hint) -> None:
    assert told(grey(), hint).mask is None


def test_a_mask_of_another_size_is_brought_to_the_pictures() -> None:
    assert at_size(mask(), (100, 120)).shape == (100, 120)
    assert at_size(mask(), (100, 120)).mean() == pytest.approx(mask().mean(), abs=0.02)


def test_words_for_things_and_single_regions_mean_what_was_told() -> None:
    assert aimed(Kind.OTHER, alone=False) is Kind.SUBJECT
    assert aimed(Kind.SKY, alone=False) is Kind.SKY
    assert aimed(Kind.SKY, alone=True) is Kind.SUBJECT
    assert aimed(Kind.BACKGROUND, alone=True) is Kind.BACKGROUND
    assert aimed(Kind.WHOLE, alone=True) is Kind.WHOLE


@pytest.mark.parametrize(
    ("function", "prompt"),
    [
        ("wan/stylization_local", "Change the cup to ice style"),
        ("wan/colorization", "a deep red cup"),
        ("wan/description_edit", "Change the cup to deep red"),
        ("wan/description_edit", "turn the roof deep red"),
    ],
)
def test_edits_go_where_the_hint_says(function: str, prompt: str) -> None:
    there = changed(function, prompt, Hint(mask=mask()))
    assert there[70:150, 50:110].mean() > 0.6
    far = np.ones((200, 240), bool)
    far[44:176, 24:136] = False
    assert there[far].mean() < 0.1


def test_the_background_is_what_was_not_told() -> None:
    there = changed("wan/description_edit", "Change the background to deep red", Hint(mask=mask()))
    assert there[75:145, 55:105].mean() < 0.1
    assert there[:30].mean() > 0.6


def test_a_guess_says_how_to_do_better_and_a_hint_is_no_guess() -> None:
    guessed = edited("wan/stylization_local", "Change the cup to ice style", Hint())
    assert any("hint: {region: [x, y, width, height]}" in warning for warning in guessed.warnings)
    sure = edited("wan/stylization_local", "Change the cup to ice style", Hint(mask=mask()))
    assert not any("hint:" in warning or "guess" in warning for warning in sure.warnings)


def test_a_hint_changes_nothing_of_the_input() -> None:
    picture = Picture(np.asarray(Image.fromarray(grey())).copy())
    before, shown = picture.rgb.copy(), mask()
    engine.apply(EditRequest("wan/colorization", (picture,), parameters={"prompt": "red cup"}, hint=Hint(mask=shown)))
    assert (picture.rgb == before).all()
    assert (shown == mask()).all()


@pytest.mark.parametrize("shape", [(60, 80), (3, 400), (400, 3), (900, 1000)])
def test_no_pixel_of_a_mask_is_too_little_for_another_size(shape: tuple[int, int]) -> None:
    for y, x in ((0, 0), (101, 133), (199, 239)):
        dot = np.zeros((200, 240), bool)
        dot[y, x] = True
        assert at_size(dot, shape).any()


@pytest.mark.parametrize("function", ["wan/stylization_local", "wan/description_edit", "wan/colorization"])
def test_a_thin_hint_on_a_large_picture_is_heard(function: str) -> None:
    rgb = np.full((1800, 1900, 3), 120, np.uint8)
    line = np.zeros((1800, 1900), bool)
    line[500, 300:900:4] = True
    prompt = "Change the cat to blue"
    prompt = "Change the cat to ice style" if function == "wan/stylization_local" else prompt
    result = engine.apply(EditRequest(function, (Picture(rgb),), parameters={"prompt": prompt}, hint=Hint(mask=line)))
    assert not any("hint" in warning or "found" in warning for warning in result.warnings)


@pytest.mark.parametrize("function", ["wan/description_edit", "wan/colorization"])
def test_who_gave_a_hint_is_not_told_to_give_one(function: str) -> None:
    prompt = "Change the cup to red and the sky to blue"
    assert any("hint:" in warning for warning in edited(function, prompt, Hint()).warnings)
    assert not any("hint:" in warning for warning in edited(function, prompt, Hint(mask=mask())).warnings)


@pytest.mark.parametrize(
    ("function", "prompt"),
    [
        ("wan/stylization_local", "Change the cup to ice style"),
        ("wan/description_edit", "Change the cup to deep red"),
        ("wan/colorization", "a deep red cup"),
    ],
)
def test_a_region_that_misses_is_taken_whole_and_named(function: str, prompt: str) -> None:
    rgb = np.full((200, 240, 3), 200, np.uint8)
    rgb[80:140, 60:100] = (30, 60, 160)
    missed, hit = (
        engine.apply(EditRequest(function, (Picture(rgb),), parameters={"prompt": prompt}, hint=Hint(box))).warnings
        for box in ((150, 20, 220, 120), BOX)
    )
    assert any("x 150, y 20, width 70, height 100" in warning for warning in missed)
    assert not any("stands out" in warning for warning in hit)


def test_a_place_is_told_in_pixels_of_the_picture() -> None:
    assert place(mask()) == "x 40, y 60, width 80, height 100"
    assert place(mask(), (480, 400)) == "x 80, y 120, width 160, height 200"
