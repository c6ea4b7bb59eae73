"""`hint:` says where the subject is: to the draft engine only, never to a provider, never in a paid key."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from fakes import Fakery, picture
from PIL import Image
from projects import Heard

from wanflow import api
from wanflow.errors import RecipeError
from wanflow.model import Reason

RECIPE = """\
wanflow: 1
manifest: {from: rows.csv, types: {w: integer}}
steps:
  ice:
    uses: wan/stylization_local
    image: row.photo
    hint: HINT
    with: {prompt: "Change the cup to ice style"}
"""
BOX = '{region: [100, 80, "${{ row.w }}", 200]}'


def drawn(box: tuple[int, int, int, int] = (0, 0, 0, 0), ground: int = 0, size: tuple[int, int] = (520, 520)) -> bytes:
    """A PNG with a white box."""
    image, buffer = Image.new("L", size, ground), BytesIO()
    image.paste(255, box)
    image.save(buffer, "PNG")
    return buffer.getvalue()


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder, self.fakery = folder, Fakery()
        (folder / "a.png").write_bytes(picture("a"))
        (folder / "mask.png").write_bytes(drawn((100, 80, 300, 280)))
        self.say(BOX)

    def say(self, hint: str, rows: str = "1,a.png,300") -> None:
        (self.folder / "r.yaml").write_text(RECIPE.replace("HINT", hint))
        (self.folder / "rows.csv").write_text(f"id,photo,w\n{rows}\n")

    @property
    def options(self) -> api.Options:
        return self.fakery.options()

    @property
    def paid(self) -> api.Options:
        return self.fakery.paid()

    def run(self, options: api.Options) -> int:
        """How many calls a run made."""
        before = len(self.fakery.asked)
        _, record = api.run(self.folder / "r.yaml", options)
        assert record and record.exit_code == 0
        return len(self.fakery.asked) - before

    def said(self) -> str:
        with pytest.raises(RecipeError) as caught:
            api.check(self.folder / "r.yaml", self.options)
        return str(caught.value)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_region_reaches_the_engine_and_its_change_is_a_reason(project: Project) -> None:
    assert project.run(project.options) == 1
    assert project.fakery.asked[-1].region == (100, 80, 300, 200)
    assert project.run(project.options) == 0
    project.say(BOX, "1,a.png,310")
    (_, decision), *_ = api.plan(project.folder / "r.yaml", project.options).decisions()
    assert decision.reason is Reason.INPUT_CHANGED
    assert [str(change) for change in decision.changes] == ["hint.region: 100 80 300 200 → 100 80 310 200"]
    assert project.run(project.options) == 1


def test_a_mask_is_an_input_like_others(project: Project) -> None:
    project.say("{mask: file:mask.png}")
    assert project.run(project.options) == 1
    assert set(project.fakery.asked[-1].inputs) == {"image", "hint.mask"}
    (project.folder / "mask.png").write_bytes(drawn((100, 80, 300, 290)))
    assert project.run(project.options) == 1


def test_a_provider_never_sees_a_hint_nor_is_paid_for_its_change(project: Project) -> None:
    assert project.run(project.paid) == 1
    call = project.fakery.asked[-1]
    assert (call.region, set(call.inputs)) == (None, {"image"})
    for hint in ("{region: [0, 0, 9, 9]}", "{mask: file:mask.png}"):
        project.say(hint)
        assert project.run(project.paid) == 0
    (project.folder / "mask.png").unlink()
    assert project.run(project.paid) == 0


@pytest.mark.parametrize(
    ("hint", "row", "message"),
    [
        (BOX, "1,a.png,0", "width must be at least 1, got 0"),
        (BOX, "1,a.png,421", "the region ends at 521 px, but the image's width is 520 px"),
        ("{region: [0, 400, 10, 121]}", "1,a.png,1", "the region ends at 521 px, but the image's height is 520 px"),
        ("{region: [1, 2, 3]}", "1,a.png,1", "region takes 4 values, got 3"),
        ("{region: [-1, 2, 3, 4]}", "1,a.png,1", "region must be at least 0, got -1"),
        ("{region: [1, 2, 3, 4], mask: file:mask.png}", "1,a.png,1", "hint takes one of region and mask, got both"),
        ("{}", "1,a.png,1", "hint must not be empty"),
        ("{mask: steps.none}", "1,a.png,1", "hint.mask: there is no step none"),
        ("{mask: file:none.png}", "1,a.png,1", "file:none.png: none.png: there is no such file"),
        ('{region: [0, 0, "${{ row.nothing }}", 1]}', "1,a.png,1", "has no column nothing"),
    ],
)
def test_a_bad_hint_is_refused_in_words(project: Project, hint: str, row: str, message: str) -> None:
    project.say(hint, row)
    said = project.said()
    assert message in said, said
    assert "r.yaml:7:" in said or "rows.csv" in said


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (drawn(), "black all over, so the hint shows nothing"),
        (drawn(ground=255), "white all over, so the hint tells nothing apart"),
        (drawn((0, 0, 260, 520), 100), "135,200 of 270,400 pixels (50 %) are neither black nor white"),
        (drawn((0, 0, 9, 9), size=(400, 400)), "400x400 px, but the image has 520x520 px"),
    ],
)
def test_a_mask_that_shows_nothing_is_refused_in_the_words_of_a_hint(
    project: Project, mask: bytes, message: str
) -> None:
    (project.folder / "mask.png").write_bytes(mask)
    project.say("{mask: file:mask.png}")
    said = project.said()
    assert f"r.yaml:7:18: mask.png: {message}" in said, said
    assert "edited" not in said
    assert project.run(project.paid) == 1


def test_a_mask_that_a_step_made_is_judged_when_it_is_there(project: Project) -> None:
    (project.folder / "mask.png").write_bytes(drawn())
    project.say("{mask: steps.prep}")
    text = (project.folder / "r.yaml").read_text()
    (project.folder / "r.yaml").write_text(
        text + "  prep: {uses: local/fit, image: file:mask.png, with: {max_side: 520}}\n"
    )
    heard = Heard()
    _, record = api.run(project.folder / "r.yaml", api.Options(), listener=heard)
    assert record and record.exit_code == 1
    assert "the hint's mask is unfit: black all over" in str([outcome.error_message for outcome in heard.outcomes])


def test_a_function_without_a_subject_takes_no_hint(project: Project) -> None:
    text = (project.folder / "r.yaml").read_text().replace("stylization_local", "expand")
    (project.folder / "r.yaml").write_text(text)
    assert "hint can't be used here" in project.said()
    assert "wan/expand takes no hint." in project.said()


def test_the_components_of_a_paid_key_hold_no_hint(project: Project) -> None:
    project.run(project.paid)
    asked = json.dumps([call.key for call in project.fakery.asked])
    project.say("{region: [0, 0, 9, 9]}")
    project.run(replace(project.paid, force=True))
    assert project.fakery.asked[-1].key in asked
