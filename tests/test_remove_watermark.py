from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from wanflow.pixels import spotting
from wanflow.pixels.engine import BLACK_HINT, Array, Bools, Edited, EditRequest, Fidelity, Hint, Picture, apply
from wanflow.pixels.remove_watermark import WHOLE_MASK
from wanflow.pixels.stamp import stamp, stamp_on
from wanflow.pixels.unblend import estimate, lifted
from wanflow.pixels.writing import find_writing, hinted

CHELSEA = Path(__file__).parent / "photos" / "chelsea.jpg"  # never trained on


@cache
def photo() -> Array:
    return np.asarray(Image.open(CHELSEA).convert("RGB").crop((0, 0, 360, 260)))


def removed(rgb: Array, hint: Hint | None = None, alpha: Array | None = None, seed: int = 0) -> Edited:
    return apply(EditRequest("wan/remove_watermark", (Picture(rgb, alpha),), seed=seed, hint=hint or Hint()))


def cover(text: str, place: tuple[int, int], size: int, shape: tuple[int, int]) -> np.ndarray:
    """How much of each pixel (h, w) a text covers, in [0, 1]."""
    plane = Image.new("L", shape[::-1])
    ImageDraw.Draw(plane).text(place, text, fill=255, font=ImageFont.load_default(size))
    return np.asarray(plane, np.float32) / 255


def written(
    rgb: Array, text: str = "Golden Harbour", place: tuple[int, int] = (60, 30), size: int = 32, alpha: float = 1.0
) -> tuple[Array, Bools]:
    share = cover(text, place, size, rgb.shape[:2])
    mixed = rgb + (share * alpha)[..., None] * (255 - rgb.astype(np.float32))
    return (mixed + 0.5).astype(np.uint8), share > 0.5


def changed(a: Array, b: Array) -> Bools:
    return np.asarray((a != b).any(axis=2))


def psnr(a: Array, b: Array, where: Bools) -> float:
    error = np.mean((a[where].astype(float) - b[where].astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(float(error), 1e-3)))


@cache
def usual() -> tuple[Array, Bools, Edited]:
    rgb, text = written(photo())
    return rgb, text, removed(rgb)


def test_text_on_a_photograph_is_found_and_taken_off() -> None:
    rgb, text, made = usual()
    assert changed(made.picture.rgb, rgb)[text].mean() > 0.95
    assert psnr(made.picture.rgb, photo(), text) > psnr(rgb, photo(), text) + 9
    assert made.fidelity is Fidelity.APPROXIMATE
    assert "found in 1 place (x " in made.warnings[0]


def test_the_places_taken_off_are_named_in_pixels_of_the_picture() -> None:
    rgb, text = written(photo())
    twice = np.repeat(np.repeat(rgb, 2, 0), 2, 1)
    rows, columns = np.flatnonzero(text.any(axis=1)), np.flatnonzero(text.any(axis=0))
    for picture, scale in ((rgb, 1), (twice, 2)):
        (found,) = find_writing(picture).places
        wanted = np.array([columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1]) * scale
        assert np.abs(np.array(found) - wanted).max() <= 10 * scale
        assert "(x {}, y {}, width {}, height {})".format(*found) in removed(picture).warnings[0]


@pytest.mark.parametrize(("name", "turns"), [("coffee", 1), ("camera", 2), ("astronaut", 1)])
def test_a_turned_photograph_keeps_its_blots(name: str, turns: int) -> None:
    rgb = np.rot90(np.asarray(Image.open(CHELSEA.with_name(f"{name}.jpg")).convert("RGB")), turns)
    assert find_writing(np.ascontiguousarray(rgb)).places == ()


def test_what_is_far_from_the_text_keeps_its_bytes() -> None:
    rgb, text, edited = usual()
    made = edited.picture.rgb
    near = cv2.dilate(text.astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
    assert changed(made, rgb)[~near].mean() < 0.002


def test_the_text_of_a_jpeg_is_found_too() -> None:
    rgb, text = written(photo())
    _, coded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    blurred = np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])
    assert changed(removed(blurred).picture.rgb, blurred)[text].mean() > 0.9


def test_a_clean_photograph_is_nearly_untouched() -> None:
    assert changed(removed(photo()).picture.rgb, photo()).mean() < 0.004


def test_nothing_found_returns_the_same_pixels_and_says_how_to_point() -> None:
    flat = np.full((80, 100, 3), (13, 200, 77), np.uint8)
    made = removed(flat)
    assert made.picture.rgb is flat
    assert "no text or mark was found" in made.warnings[0]
    assert "hint:" in made.warnings[0]


def test_a_region_restricts_the_search_to_itself() -> None:
    rgb, above = written(photo())
    both, _ = written(rgb, "Winter 98", (120, 200))
    made = removed(both, Hint(region=(0, 0, 360, 100))).picture.rgb
    assert changed(made, both)[above].mean() > 0.95
    assert not changed(made, both)[100:].any()


def test_a_region_brings_out_what_is_too_faint_elsewhere() -> None:
    rgb, text = written(photo()[:110], alpha=0.22)
    at_large, pointed = (removed(rgb, hint).picture.rgb for hint in (None, Hint(region=(40, 20, 340, 80))))
    assert changed(pointed, rgb)[text].mean() > max(0.8, changed(at_large, rgb)[text].mean() - 0.01)


def test_a_region_without_text_is_left_and_said() -> None:
    plain = np.full((90, 120, 3), 90, np.uint8)
    made = removed(plain, Hint(region=(10, 10, 60, 60)))
    assert made.picture.rgb is plain
    assert "region" in made.warnings[0]


def test_a_mask_without_readable_text_is_filled_whole() -> None:
    y, x = np.mgrid[0:128, 0:160]
    blob = 90 + 60 * np.exp(-((y - 60) ** 2 + (x - 70) ** 2) / 300)
    rgb = np.repeat(blob[..., None], 3, 2).astype(np.uint8)
    mask = np.hypot(y - 60, x - 70) < 32
    made = removed(rgb, Hint(mask=mask))
    assert np.abs(made.picture.rgb[mask].astype(int) - 90).max() <= 8
    assert not changed(made.picture.rgb, rgb)[~mask].any()
    assert "filled" in made.warnings[0]


def test_a_hint_may_reach_over_the_rim() -> None:
    area = hinted(Hint(region=(-5, 3, 500, 400)), (10, 20))
    assert area is not None
    assert area[3:].all()
    assert not area[:3].any()


def test_the_same_bytes_twice_the_input_untouched_and_alpha_kept() -> None:
    rgb, _ = written(photo()[:120, :240], "Gold", size=64)
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    alpha[:40] = 0
    for plane in (rgb, alpha):
        plane.flags.writeable = False
    before = rgb.copy()
    first, second = (removed(rgb, alpha=alpha, seed=5).picture for _ in range(2))
    assert first.rgb.tobytes() == second.rgb.tobytes()
    assert (rgb == before).all()
    assert first.alpha is alpha


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (17, 33), (512, 24)])
@pytest.mark.parametrize("hint", [Hint(), Hint(region=(0, 0, 9, 9))])
def test_any_shape_of_noise_is_taken(shape: tuple[int, int], hint: Hint) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert removed(rgb, hint).picture.rgb.shape == rgb.shape


@pytest.mark.parametrize("values", [(0,), (255,), (100, 101), (0, 255)])
def test_pictures_of_one_or_two_levels_are_left(values: tuple[int, ...]) -> None:
    rgb = np.repeat(np.random.default_rng(1).choice(np.array(values, np.uint8), (96, 200, 1)), 3, 2)
    assert changed(removed(rgb).picture.rgb, rgb).mean() < 0.05


def test_a_grey_picture_stays_grey() -> None:
    rgb, _ = written(np.repeat(photo()[:110, :, 1:2], 3, 2))
    made = removed(rgb).picture.rgb
    assert changed(made, rgb).any()
    assert (made == made[..., :1]).all()


def test_a_mask_that_is_the_whole_picture_is_survived() -> None:
    rgb = photo()[:64, :64]
    assert removed(rgb, Hint(mask=np.ones((64, 64), bool))).picture.rgb.shape == rgb.shape


@pytest.mark.parametrize("size", [(300, 200), (451, 300)])
def test_our_own_stamp_is_left_alone(size: tuple[int, int]) -> None:
    rgb = stamp(np.asarray(Image.fromarray(photo()).resize(size)), "Add a hat")
    covered = stamp_on(rgb)
    assert 0.1 < covered.mean() < 0.5
    assert not changed(removed(rgb).picture.rgb, rgb)[covered].any()


def test_a_photograph_wears_no_stamp() -> None:
    assert not stamp_on(photo()).any()


def test_tiles_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb, _ = written(photo()[:150, :200])
    whole = spotting.odds(rgb)
    monkeypatch.setattr(spotting, "TILE", 128)
    assert np.abs(spotting.odds(rgb) - whole).mean() < 0.1


def test_pixels_undo_cells() -> None:
    plane = np.arange(48, dtype=np.float32).reshape(1, 6, 8)
    assert (spotting.pixels(spotting.cells(plane)) == plane[0]).all()


def test_a_translucent_ink_is_measured() -> None:
    ground = np.random.default_rng(0).uniform(20, 230, (900, 3)).astype(np.float32)
    ink = estimate(ground * 0.6 + 0.4 * 255, ground)
    assert ink is not None
    assert ink.through == pytest.approx(0.6, abs=0.02)
    assert ink.colour == pytest.approx([255, 255, 255], abs=3)


def test_an_opaque_ink_is_not_taken_for_a_translucent_one() -> None:
    ground = np.random.default_rng(0).uniform(20, 230, (900, 3)).astype(np.float32)
    assert estimate(np.full_like(ground, 255), ground) is None


def test_lifting_gives_the_ground_back() -> None:
    strokes = np.zeros(photo().shape[:2], bool)
    strokes[50:120, 60:300] = True
    inked = photo().astype(np.float32)
    inked[strokes] = inked[strokes] * 0.6 + 0.4 * 255
    rgb = (inked + 0.5).astype(np.uint8)
    out, done = lifted(rgb, photo(), strokes)
    assert done.sum() > 0.9 * strokes.sum()
    assert psnr(out, photo(), done) > 30


def test_small_and_large_pictures_are_searched_alike() -> None:
    rgb, text = written(photo()[:80, :320])
    twice, large = (np.repeat(np.repeat(plane, 2, 0), 2, 1) for plane in (rgb, text))
    found = find_writing(twice)
    assert found.mask[large].mean() > 0.9


def test_the_weights_are_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in spotting.WEIGHTS.parent.iterdir()) <= 300_000


def test_a_black_hint_mask_is_as_no_hint() -> None:
    rgb = np.full((200, 240, 3), 120, np.uint8)
    result = removed(rgb, Hint(mask=np.zeros((200, 240), bool)))
    assert result.warnings == (BLACK_HINT, *removed(rgb).warnings)


def test_a_hint_mask_of_another_size_is_brought_to_the_pictures() -> None:
    rgb = np.full((200, 240, 3), 120, np.uint8)
    small = np.zeros((100, 120), bool)
    small[49:56, 49:56] = True
    result = removed(rgb, Hint(mask=small))
    assert result.warnings == (WHOLE_MASK,)
    assert not changed(result.picture.rgb, rgb).any()
