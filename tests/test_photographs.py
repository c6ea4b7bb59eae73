"""The benchmarks measure any folder of photographs, and say what of it they left out or shrank."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import pictures_colour
import pictures_enlarge
import pictures_fill
import pictures_text
from photographs import PIXELS, SHORTEST, TRAINED_ON, held_out, held_out_crops, looked_through, photographs
from pictures_every import framed, request

from wanflow.pixels.engine import apply


def picture(width: int = 300, height: int = 260, mode: str = "RGB") -> Image.Image:
    return Image.linear_gradient("L").resize((width, height)).convert(mode)


def the_one(folder: Path) -> np.ndarray:
    ((_, rgb),) = photographs(folder)
    return rgb


@pytest.mark.parametrize("name", ["a.JPG", "a.png", "a.webp", "a.bmp", "a.tif", "a.gif", "a.ppm", "a.jp2"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_any_format_is_read_as_rgb(tmp_path: Path, name: str, mode: str) -> None:
    picture(mode=mode).save(tmp_path / name)
    assert np.abs(the_one(tmp_path).astype(int) - np.asarray(picture())).mean() < 2


@pytest.mark.parametrize(("mode", "name"), [("P", "a.png"), ("CMYK", "a.jpg"), ("1", "a.png"), ("I;16", "a.png")])
def test_other_modes_are_read_as_rgb(tmp_path: Path, mode: str, name: str) -> None:
    shades = np.asarray(picture(mode="L"))
    made = Image.fromarray(shades.astype(np.uint16) * 257) if mode == "I;16" else picture(mode=mode)
    made.save(tmp_path / name)
    found = the_one(tmp_path)
    assert found.shape == (260, 300, 3)
    assert abs(found.mean() - shades.mean()) < 2


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    Image.new("RGBA", (300, 300), (200, 0, 0, 0)).save(tmp_path / "a.png")
    assert (the_one(tmp_path) == 255).all()


def test_a_turned_photograph_stands_upright(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    picture(400, 300).save(tmp_path / "a.jpg", exif=turned)
    assert the_one(tmp_path).shape == (400, 300, 3)


def test_large_ones_are_shrunk_small_and_broken_ones_skipped_and_all_is_said(tmp_path: Path) -> None:
    picture(2600, 1600).save(tmp_path / "big.png")
    picture(SHORTEST - 1, 400).save(tmp_path / "little.png")
    picture(5000, 300).save(tmp_path / "long.png")
    whole = tmp_path / "cut.jpg"
    picture().save(whole)
    whole.write_bytes(whole.read_bytes()[:-600])
    (tmp_path / "empty.png").touch()
    (tmp_path / "LICENSES.md").write_text("who took them")
    (tmp_path / "folder.jpg").mkdir()
    names, said = looked_through(tmp_path)
    assert names == ["big", "long"]
    assert all(rgb.shape[0] * rgb.shape[1] <= PIXELS * 1.01 for _, rgb in photographs(tmp_path))
    assert [line.split(":")[0] for line in said] == ["big", "cut.jpg", "empty.png", "little", "long"]
    assert said[0] == "big: shrunk from 2600x1600 to 1305x803 px"
    assert said[3] == "little: skipped, 239x400 px; at least 240 a side are measured"


def test_two_files_of_one_stem_are_two_photographs(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        picture().save(tmp_path / name)
    assert looked_through(tmp_path) == (["a", "a.png"], [])


def test_nets_are_judged_on_what_they_were_not_trained_on(tmp_path: Path) -> None:
    for name in ("new", *TRAINED_ON):
        picture(1400, 300).save(tmp_path / f"{name}.png")
    assert [name for name, _ in held_out(tmp_path)] == ["new"]
    assert [crop.size for crop in held_out_crops(tmp_path)] == [(1024, 300)]


def test_suites_say_what_a_folder_does_not_let_them_measure(tmp_path: Path) -> None:
    picture().save(tmp_path / "camera.png")
    assert "not measured" in pictures_enlarge.measure(tmp_path)[-1]
    assert "not measured" in pictures_text.measure(tmp_path)[0]
    assert "not measured" in pictures_fill.deletion([])[0]
    assert "not measured" in pictures_colour.hue_rows({})[0]


def test_text_that_can_not_be_seen_is_not_asked_for() -> None:
    seen = list(pictures_text.composites([np.full((300, 300, 3), 255, np.uint8)]))
    assert 0 < len(seen) < 4 * len(pictures_text.KINDS)
    assert all(sample.text.any() for sample in seen)


@pytest.mark.parametrize("side", [24, 300])
def test_a_stamp_inside_a_mask_counts_and_none_does_not(side: int) -> None:
    rgb = np.asarray(picture(side, side))
    wanted = request("wan/description_edit_with_mask", rgb, prompt="add a dancing elephant")
    deletion = request("wan/description_edit_with_mask", rgb, prompt="")
    assert framed(apply(wanted), wanted.mask)
    assert not framed(apply(deletion), deletion.mask)
