"""local/label, contact_sheet and compare: where letters and pictures lie, and which texts are refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from locally import done, filled, planned, refused, rgb
from projects import gradient

from wanflow.errors import EditError
from wanflow.functions.geometry import SizeError
from wanflow.functions.glyphs import HANZI, LATIN, lacking
from wanflow.functions.layouts import leading
from wanflow.pixels import captions
from wanflow.pixels.engine import Picture

RGB = gradient(240, 160)
GREY = np.full((160, 240, 3), 90, np.uint8)


def changed(made: np.ndarray, before: np.ndarray = GREY) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what differs."""
    rows, columns = np.nonzero((made != before).any(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


# -- label


@pytest.mark.parametrize(
    ("at", "where"),
    [("top_left", (0, 0)), ("top", (1, 0)), ("right", (2, 1)), ("center", (1, 1)), ("bottom_right", (2, 2))],
)
@pytest.mark.parametrize("ground", [None, "transparent"])
def test_letters_stand_where_they_are_asked_and_nowhere_else(
    at: str, where: tuple[int, int], ground: str | None
) -> None:
    made = rgb(
        "local/label", GREY, text="One 猫", at=at, letters=16, margin=10, **({"ground": ground} if ground else {})
    )
    left, top, right, bottom = changed(made)
    assert left >= 10 and top >= 10 and right <= 230 and bottom <= 150
    middle = ((left + right) / 2, (top + bottom) / 2)
    for place, at_, side, extent in zip(where, middle, (240, 160), (right - left, bottom - top), strict=True):
        wanted = (10 + extent / 2, side / 2, side - 10 - extent / 2)[place]
        assert abs(at_ - wanted) <= 10
    assert right - left > 30 and (made == 255).all(axis=2).any()


@pytest.mark.parametrize(("at", "top"), [("above", 1), ("below", 0)])
@pytest.mark.parametrize("lines", [1, 3])
def test_a_band_leaves_the_picture_as_it_is_and_has_the_height_of_its_lines(at: str, top: int, lines: int) -> None:
    band = lines * leading(20) + 2 * 7
    given = {"text": "short", "at": at, "letters": 20, "lines": lines, "margin": 7}
    made = rgb("local/label", RGB, **given)
    assert made.shape == (160 + band, 240, 3) and planned("local/label", (240, 160), **given) == (240, 160 + band)
    assert (made[top * band : top * band + 160] == RGB).all()
    drawn = made[:band] if top else made[160:]
    assert (drawn[0] == 255).all() and drawn.min() < 60
    assert rgb("local/label", RGB, **(given | {"text": ""})).shape == made.shape


def test_a_text_that_is_too_wide_gets_more_lines_then_smaller_letters_then_is_refused() -> None:
    words = "The quick brown fox jumps over the lazy dog and runs away into the forest"
    one = changed(rgb("local/label", GREY, text="The quick", letters=16, ground="transparent"))
    three = changed(rgb("local/label", GREY, text=words, letters=16, ground="transparent"))
    assert three[3] - three[1] > 2 * (one[3] - one[1]) and three[0] >= 0 and three[2] <= 240
    with pytest.raises(EditError, match=r"a text of 500 characters does not fit in .* 3 lines, even at 9 px"):
        done("local/label", GREY, text="W" * 500)


def test_line_breaks_are_kept() -> None:
    one = changed(rgb("local/label", GREY, text="a", letters=16, ground="transparent"))
    two = changed(rgb("local/label", GREY, text="a\na", letters=16, ground="transparent"))
    assert (two[3] - two[1]) - (one[3] - one[1]) == leading(16)


def test_every_character_that_is_not_refused_is_drawn() -> None:
    shapes = set()
    for char in "猫咖啡日本Щж¥é1W，。":
        assert not lacking(char)
        shapes.add(rgb("local/label", GREY, text=char, letters=30, ground="transparent").tobytes())
    assert len(shapes) == len("猫咖啡日本Щж¥é1W，。") and GREY.tobytes() not in shapes
    assert not lacking(LATIN + HANZI)


@pytest.mark.parametrize(
    ("text", "named"),
    [("ねこ", "ね (U+306D), こ (U+3053)"), ("고양이", "고 (U+ACE0), 양 (U+C591), 이 (U+C774)"), ("龘", "龘 (U+9F98)"),
     ("a🦊", "🦊 (U+1F98A)"), ("a\u200db", "(U+200D)"), ("שלום", "ש (U+05E9), ל (U+05DC), ו (U+05D5), ם (U+05DD)")],
)  # fmt: skip
def test_letters_that_the_fonts_lack_are_refused_by_the_plan(text: str, named: str) -> None:
    assert refused("local/label", None, text=text) == ("text", f"text: the fonts have no {named}")
    assert refused("local/compare", {"images.0": None, "images.1": None}, before=text)[0] == "before"
    assert refused("local/contact_sheet", {"images.0": None}, captions=[text])[0] == "captions"


def test_a_label_on_a_transparent_picture_is_seen_and_the_rest_stays_transparent() -> None:
    made = done("local/label", Picture(GREY, np.zeros((160, 240), np.uint8)), text="seen", at="top").picture
    assert made.alpha is not None and made.alpha.max() == 255 and not made.alpha[80:].any()


def test_a_margin_without_room_is_refused() -> None:
    assert refused("local/label", (100, 50), text="a", margin=22)[0] == "margin"
    assert refused("local/label", (100, 50), text="a", margin=48, at="below")[0] == "margin"


# -- contact sheet

COLOURS = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200)]
PLAIN = [np.full((30, 60, 3), colour, np.uint8) for colour in COLOURS]


@pytest.mark.parametrize(("columns", "grid"), [(1, (1, 5)), (2, (2, 3)), (5, (5, 1)), (9, (5, 1)), (None, (3, 2))])
def test_pictures_stand_in_rows_in_their_order(columns: int | None, grid: tuple[int, int]) -> None:
    given = {"cell_width": 40, "cell_height": 32, "gap": 5} | ({"columns": columns} if columns else {})
    made = rgb("local/contact_sheet", *PLAIN, **given)
    size = (5 + grid[0] * 45, 5 + grid[1] * 37)
    assert made.shape == (size[1], size[0], 3)
    assert planned("local/contact_sheet", {f"images.{n}": None for n in range(5)}, **given) == size
    expected = np.full_like(made, 255)
    for number, colour in enumerate(COLOURS):
        row, column = divmod(number, grid[0])
        expected[5 + row * 37 + 6 : 5 + row * 37 + 26, 5 + column * 45 : 45 + column * 45] = colour
    assert (made == expected).all()


def test_what_covers_fills_its_cell() -> None:
    made = rgb("local/contact_sheet", PLAIN[0], fit="cover", cell_width=20, cell_height=40, gap=3, color="black")
    assert (made[3:43, 3:23] == (200, 0, 0)).all() and not made[:3].any() and not made[:, 23:].any()


def test_captions_stand_below_their_pictures() -> None:
    given = {"cell_width": 60, "cell_height": 30, "gap": 4, "letters": 10, "columns": 1}
    made = rgb("local/contact_sheet", *PLAIN[:2], captions=["猫", ""], **given)
    band = made.shape[0] // 2 - 34
    assert band > 10 and (made[4:34, 4:64] == COLOURS[0]).all()
    assert made[34 : 34 + band, 4:64].min() < 80 and (made[38 + band + 30 :] == 255).all()


def test_captions_are_one_a_picture() -> None:
    sizes = {"images.0": (5, 5), "images.1": (5, 5)}
    assert refused("local/contact_sheet", sizes, captions=["a"]) == ("captions", "captions has 1 text for 2 images")


def test_transparent_pictures_lie_on_the_sheets_ground() -> None:
    clear = Picture(np.zeros((30, 60, 3), np.uint8), np.zeros((30, 60), np.uint8))
    made = rgb("local/contact_sheet", clear, color="orange", cell_width=60, cell_height=30)
    assert (made == (255, 165, 0)).all()


# -- compare

BEFORE, AFTER = gradient(60, 40, 1), gradient(120, 80, 2)


def test_before_and_after_stand_beside_each_other_at_the_size_of_after() -> None:
    made = rgb("local/compare", BEFORE, AFTER, gap=6, color="red")
    assert made.shape == (80, 246, 3) and (made[:, 126:] == AFTER).all() and (made[:, 120:126] == (255, 0, 0)).all()
    enlarged = rgb("local/resize", BEFORE, width=120, height=80)
    assert (made[:, :120] == enlarged).all()


def test_they_stand_above_each_other() -> None:
    made = rgb("local/compare", AFTER, AFTER, layout="stacked", gap=0)
    assert (made == np.concatenate([AFTER, AFTER])).all()


@pytest.mark.parametrize(("position", "at"), [(None, 60), (0.25, 30), (0, 0), (1, 120)])
def test_two_halves_meet_in_a_line(position: float | None, at: int) -> None:
    other = gradient(120, 80, 7)
    made = rgb("local/compare", other, AFTER, layout="split", **({} if position is None else {"position": position}))
    assert (made[:, : max(at - 2, 0)] == other[:, : max(at - 2, 0)]).all() and (
        made[:, at + 2 :] == AFTER[:, at + 2 :]
    ).all()
    assert at in (0, 120) or (made[:, at] == 255).all()


def test_a_picture_of_another_ratio_is_shown_whole() -> None:
    tall = np.full((100, 20, 3), (9, 9, 200), np.uint8)
    made = rgb("local/compare", tall, AFTER, gap=0)
    assert (made[:, 52:68] == (9, 9, 200)).all() and (made[:, :52] == 255).all() and (made[:, 68:120] == 255).all()


def test_texts_stand_in_the_upper_corners() -> None:
    large = np.full((300, 400, 3), 90, np.uint8)
    made = rgb("local/compare", large, large, layout="split", before="before", after="after")
    assert (made[:60, :150] == 255).any() and (made[:60, 250:] == 255).any()
    assert (made[100:, :190] == 90).all() and (made[100:, 210:] == 90).all()


@pytest.mark.parametrize("given", [{"position": 0.5}, {"layout": "split", "gap": 3}, {"letters": 20}])
def test_what_a_comparison_has_no_use_for_is_refused(given: dict[str, object]) -> None:
    assert "says nothing" in refused("local/compare", {"images.0": (5, 5), "images.1": (5, 5)}, **given)[1]


# -- texts that have no room


@pytest.mark.parametrize("size", [(60, 40), (240, 160), (90, 900)])
@pytest.mark.parametrize("text", ["", "short", "a few words more", "W" * 60, "猫" * 60, "one\ntwo\nthree"])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("local/label", {}),
        ("local/label", {"at": "below", "lines": 2}),
        ("local/label", {"letters": 90, "at": "center"}),
    ]
    + [("local/compare", {"layout": layout}) for layout in ("side_by_side", "split")],
)
def test_a_plan_refuses_the_texts_that_a_run_would(
    name: str, given: dict[str, object], text: str, size: tuple[int, int]
) -> None:
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    images, given = (
        ([picture], {"text": text, **given}) if name == "local/label" else ([picture] * 2, {"after": text, **given})
    )

    def refused_by(work: Callable[[], object]) -> bool:
        try:
            work()
        except (SizeError, EditError):
            return True
        return False

    planned_so = refused_by(lambda: captions.check(name, size, filled(name, given)))
    assert planned_so == refused_by(lambda: done(name, *images, **given))


def test_texts_that_have_no_room_are_told_with_their_row(says) -> None:
    recipe = "wanflow: 1\nmanifest: {from: rows.csv}\nsteps:\n  note:\n    uses: local/label\n    image: row.photo\n"
    recipe += '    with: {text: "${{ row.title }}", at: below}\n'
    assert (
        says(recipe, "id,photo,title\n0001,a.png,short\n0002,a.png," + "long " * 60 + "\n")
        == """\
r.yaml:7:18: text: a text of 300 characters does not fit in 574x28 px and 1 line, even at 9 px [length]
        with: {text: "${{ row.title }}", at: below}
                     ^ row 0002 (rows.csv:3, column title)
    Shorten it, or allow more lines.
"""
    )
