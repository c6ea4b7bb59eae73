from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wanflow.pixels.chroma import to_oklab
from wanflow.pixels.describe import UNCHANGED, describe_edit
from wanflow.pixels.engine import Edited, EditRequest, Fidelity, Picture, functions
from wanflow.pixels.stamp import YELLOW, frame_width
from wanflow.pixels.told import HOW

PHOTOS = Path(__file__).parent / "photos"
PROMPTS = ["Change the cup to blue", "make it brighter", "make it black and white", "blur the background", "sepia"]


def photo(name: str = "coffee") -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("RGB"))


def small() -> np.ndarray:
    return cv2.resize(photo(), (240, 160), interpolation=cv2.INTER_AREA)


def done(rgb: np.ndarray, prompt: str, strength: float = 0.5, seed: int = 0, alpha: np.ndarray | None = None) -> Edited:
    parameters = {"prompt": prompt, "strength": strength}
    return describe_edit(EditRequest("wan/description_edit", (Picture(rgb, alpha),), None, parameters, seed))


def lab(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor((rgb / 255).astype(np.float32), cv2.COLOR_RGB2LAB)


def chroma(rgb: np.ndarray) -> float:
    return float(np.hypot(lab(rgb)[..., 1], lab(rgb)[..., 2]).mean())


def detail(rgb: np.ndarray) -> float:
    return float(np.abs(cv2.Laplacian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.CV_32F)).mean())


def is_stamped(rgb: np.ndarray) -> bool:
    top = rgb[: frame_width(rgb.shape[1], rgb.shape[0])].astype(int)
    return bool(0.2 < (np.abs(top - YELLOW).max(axis=-1) < 40).mean() < 0.7)


RECOLOURINGS = [
    ("coffee", "Change the cup to blue", slice(250, 370), slice(110, 160), 257),
    ("coffee", "把杯子改成绿色", slice(250, 370), slice(110, 160), 141),
    ("rocket", "make the sky orange", slice(20, 120), slice(300, 500), 57),
    ("astronaut", "change the suit to green", slice(330, 360), slice(100, 160), 141),
    ("camera", "make the coat red", slice(250, 400), slice(40, 100), 28),
]


@pytest.mark.parametrize(("name", "prompt", "rows", "columns", "hue_deg"), RECOLOURINGS)
def test_a_thing_gets_the_hue_asked_for_within_25_degrees(
    name: str, prompt: str, rows: slice, columns: slice, hue_deg: float
) -> None:
    found = to_oklab(done(photo(name), prompt).picture.rgb[rows, columns])
    chromatic = np.hypot(found[..., 1], found[..., 2]) > 0.02
    turn = (np.degrees(np.arctan2(found[..., 2], found[..., 1])) - hue_deg + 180) % 360 - 180
    assert chromatic.mean() > 0.7
    assert (np.abs(turn[chromatic]) <= 25).mean() >= 0.9


@pytest.mark.parametrize(("name", "prompt"), [(name, prompt) for name, prompt, *_ in RECOLOURINGS])
def test_a_new_colour_keeps_the_lightness(name: str, prompt: str) -> None:
    change = np.abs(lab(done(photo(name), prompt).picture.rgb)[..., 0] - lab(photo(name))[..., 0])
    assert change.mean() <= 0.3
    assert np.percentile(change, 99) <= 0.8


def test_what_is_not_named_keeps_its_bytes() -> None:
    before = photo()
    after = done(before, "Change the cup to blue").picture.rgb
    assert np.array_equal(after[:80, :120], before[:80, :120])
    assert np.array_equal(after[330:, 520:], before[330:, 520:])


@pytest.mark.parametrize("prompt", [*PROMPTS, "add a hat"])
def test_strength_0_keeps_every_byte(prompt: str) -> None:
    before = small()
    result = done(before, prompt, 0.0)
    assert np.array_equal(result.picture.rgb, before)
    assert result.warnings == (UNCHANGED,)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_more_strength_goes_further_from_the_picture(prompt: str) -> None:
    before = small()
    far = [
        float(np.square(done(before, prompt, s).picture.rgb.astype(float) - before).mean()) for s in (0.1, 0.25, 0.5)
    ]
    assert 0 < far[0] < far[1] < far[2]


def test_brighter_darker_and_contrast_do_what_they_say() -> None:
    before = photo()
    assert done(before, "make it brighter").picture.rgb.mean() > before.mean() + 12
    assert done(before, "调暗").picture.rgb.mean() < before.mean() - 12
    assert done(before, "more contrast").picture.rgb.std() > before.std() + 4
    assert done(before, "less contrast").picture.rgb.std() < before.std() - 4


def test_colour_words_for_the_whole_picture_do_what_they_say() -> None:
    before = photo("chelsea")
    assert chroma(done(before, "make it black and white").picture.rgb) < 1
    assert chroma(done(before, "more vivid").picture.rgb) > chroma(before) + 2
    assert chroma(done(before, "less vivid").picture.rgb) < chroma(before) - 2
    blue = lab(before)[..., 2].mean()
    assert lab(done(before, "warmer").picture.rgb)[..., 2].mean() > blue + 2
    assert lab(done(before, "冷色调").picture.rgb)[..., 2].mean() < blue - 2


def test_a_blurred_background_leaves_the_subject_sharp() -> None:
    before = photo("camera")
    after = done(before, "blur the background").picture.rgb
    grass, face = (slice(380, 480), slice(420, 510)), (slice(90, 180), slice(190, 250))
    assert detail(after[grass]) < 0.3 * detail(before[grass])
    assert detail(after[face]) > 0.8 * detail(before[face])


def test_sharpening_adds_detail() -> None:
    assert detail(done(photo(), "sharpen it").picture.rgb) > 1.3 * detail(photo())


@pytest.mark.parametrize("prompt", ["Add a red scarf", "给猫戴上帽子", "change the car to a bus", "!?"])
def test_what_needs_a_model_comes_back_stamped(prompt: str) -> None:
    result = done(small(), prompt)
    assert result.fidelity is Fidelity.PROXY
    assert is_stamped(result.picture.rgb)
    assert any("generative model" in warning for warning in result.warnings)


def test_what_is_done_is_not_stamped() -> None:
    result = done(small(), "Change the cup to blue, and make it brighter")
    assert result.fidelity is Fidelity.APPROXIMATE
    assert not is_stamped(result.picture.rgb)


def test_half_an_instruction_is_done_and_stamped() -> None:
    half, nothing = done(photo(), "Change the cup to blue and add a spoon"), done(photo(), "add a spoon")
    assert half.fidelity is Fidelity.PROXY and is_stamped(half.picture.rgb)
    assert to_oklab(half.picture.rgb[250:290, 110:160])[..., 2].mean() < 0
    assert to_oklab(nothing.picture.rgb[250:290, 110:160])[..., 2].mean() > 0


def test_a_thing_that_is_not_found_is_said_and_stamped() -> None:
    result = done(small(), "make the door green")
    assert result.fidelity is Fidelity.PROXY
    assert f'no "door" was found in the picture; {HOW}' in result.warnings


def test_white_is_said_to_take_only_the_colour() -> None:
    result = done(small(), "change the cup to white")
    assert any("light and shade are kept" in warning for warning in result.warnings)


def test_alpha_is_kept_where_the_edit_is_done() -> None:
    rgb = small()
    alpha = np.arange(rgb.shape[0] * rgb.shape[1], dtype=np.uint32).reshape(rgb.shape[:2]).astype(np.uint8)
    kept = done(rgb, "make it brighter", alpha=alpha).picture.alpha
    assert kept is not None and np.array_equal(kept, alpha)
    assert done(rgb, "add a hat", alpha=alpha).picture.alpha is None


def test_the_same_seed_gives_the_same_bytes_another_seed_others_and_the_input_is_kept() -> None:
    before = small()
    copy = before.copy()
    first, again, other = (done(before, "make the cup green", 0.5, seed).picture.rgb for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(before, copy)


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 99),
    strength=st.floats(0, 1),
    prompt=st.sampled_from([*PROMPTS, "make the sky red and the hair blue", "blur it, sharpen it", "more vivid"]),
)
@settings(max_examples=30, deadline=None)
def test_any_noise_of_any_size_is_edited(height: int, width: int, seed: int, strength: float, prompt: str) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert done(noise, prompt, strength, seed).picture.rgb.shape == noise.shape


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_one_colour_picture_and_a_very_long_one_are_edited(level: int) -> None:
    long = np.full((128, 1024, 3), level, np.uint8)
    for prompt in PROMPTS:
        assert done(long, prompt).picture.rgb.shape == long.shape


def test_it_runs_under_its_recipe_name() -> None:
    assert functions()["wan/description_edit"] is describe_edit


def test_more_changes_than_are_made_are_told_and_the_same_one_is_made_once() -> None:
    rgb = small()
    once, again = (done(rgb, "make it brighter, " * times) for times in (1, 40))
    assert np.array_equal(once.picture.rgb, again.picture.rgb)
    thirteen = [
        *("red", "blue", "green", "yellow", "orange", "pink", "purple"),
        *("brown", "grey", "teal", "gold", "tan", "navy"),
    ]
    result = done(rgb, ", ".join(f"make the cup {colour}" for colour in thirteen))
    assert result.fidelity is Fidelity.PROXY
    assert f'"cup: {thirteen[-1]}" can\'t be done' in result.warnings[-1]


def test_long_and_strange_words_are_quoted_short_and_printable() -> None:
    warnings = done(small(), "a\x00b\x1b[31m, " + "wyvern " * 50 + ", one, two, three").warnings
    assert '"a\\x00b\\x1b[31m"; "wyvern wyvern wyvern' in warnings[-1]
    assert '…"; "one" and 2 more can\'t be done' in warnings[-1]
