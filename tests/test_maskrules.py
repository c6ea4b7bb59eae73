"""Masks that can't be meant are refused before anything is done, with row, file, figures and remedy."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeBackend, Fakery, picture
from PIL import Image
from projects import coded

from wanflow import api
from wanflow.errors import RecipeError
from wanflow.functions.maskrules import MOST_GREY, MaskFacts, fault, size_fault
from wanflow.model import Action, Blob, Call, Reason, Result, Status
from wanflow.pixels import codec, edit_mask
from wanflow.store.blobs import Blobs

RECIPE = """\
wanflow: 1
name: masked
manifest: {from: rows.csv}
steps:
  clean:
    uses: wan/description_edit_with_mask
    image: row.photo
    mask: row.mask
    with: {prompt: ""}
outputs:
  clean: {image: steps.clean, to: "out/${{ row.id }}.png"}
"""


def shape(size: tuple[int, int] = (520, 520)) -> Image.Image:
    """A white box on black."""
    image = Image.new("L", size, 0)
    image.paste(255, (100, 120, 300, 280))
    return image


def with_grey() -> Image.Image:
    """The same box, a part of it painted over in grey."""
    image = shape()
    image.paste(128, (150, 150, 250, 250))
    return image


def only_alpha() -> Image.Image:
    image = Image.new("RGBA", (520, 520), "white")
    image.putalpha(shape())
    return image


class Project:
    """One recipe over rows of a photograph and a mask each."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fakery, self.day = folder, Fakery(), 1_700_000_000
        (folder / "r.yaml").write_text(RECIPE)
        self.rows: list[str] = []

    def row(self, name: str, mask: bytes) -> None:
        for file, raw in {f"{name}.png": picture(name), f"{name}.mask": mask}.items():
            (self.folder / file).write_bytes(raw)
            self.day += 86_400  # every file is written on a day of its own, long ago
            os.utime(self.folder / file, (self.day, self.day))
        line = f"{name},{name}.png,{name}.mask"
        self.rows = [*(row for row in self.rows if row != line), line]
        (self.folder / "rows.csv").write_text("\n".join(["id,photo,mask", *self.rows]) + "\n")

    def said(self) -> str:
        with pytest.raises(RecipeError) as caught:
            api.check(self.folder / "r.yaml", self.fakery.options())
        return str(caught.value)

    def plan(self):
        return api.plan(self.folder / "r.yaml", self.fakery.options())

    def run(self) -> list[str]:
        _, record = api.run(self.folder / "r.yaml", self.fakery.options())
        assert record and record.exit_code == 0
        return self.fakery.steps()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


UNFIT: dict[str, tuple[Callable[[], bytes], str]] = {
    "size": (
        lambda: coded(shape((640, 520))),
        """\
r.yaml:8:11: 1.mask: 640x520 px, but the image has 520x520 px; a mask has the image's size [mask-size]
        mask: row.mask
              ^ row 1
    Draw it on the image itself; if the image goes through local/fit, put the mask through one like it.""",
    ),
    "grey": (
        lambda: coded(with_grey()),
        """\
r.yaml:8:11: 1.mask: 10,000 of 270,400 pixels (3.7 %) are neither black nor white [mask-grey]
        mask: row.mask
              ^ row 1
    Save it as PNG with hard edges, white (edited) and black (kept); at most 2 % may be between.""",
    ),
    "a photograph": (
        lambda: coded(Image.new("RGB", (520, 520), (200, 30, 30))),
        """\
r.yaml:8:11: 1.mask: 270,400 of 270,400 pixels (100 %) are neither black nor white [mask-grey]
        mask: row.mask
              ^ row 1
    Save it as PNG with hard edges, white (edited) and black (kept); at most 2 % may be between.""",
    ),
    "black": (
        lambda: coded(Image.new("1", (520, 520), 0)),
        """\
r.yaml:8:11: 1.mask: black all over, so nothing would be edited [mask-black]
        mask: row.mask
              ^ row 1
    Paint white what is to be edited.""",
    ),
    "white": (
        lambda: coded(Image.new("L", (520, 520), 250), "JPEG"),
        """\
r.yaml:8:11: 1.mask: white all over, so the whole picture would be edited [mask-white]
        mask: row.mask
              ^ row 1
    Use wan/description_edit for the whole picture, or paint black what is to be kept.""",
    ),
    "only alpha": (
        lambda: coded(only_alpha()),
        """\
r.yaml:8:11: 1.mask: the shape is only in the transparency, which does not count; the colours are the same all over [mask-alpha]
        mask: row.mask
              ^ row 1
    Save it without transparency: white is edited, black is kept.""",  # noqa: E501
    ),
    "too small": (
        lambda: coded(Image.new("L", (300, 300), 255)),
        """\
r.yaml:8:11: 1.mask: 300x300 px; wan/description_edit_with_mask takes 512 to 4096 px a side [image-size]
        mask: row.mask
              ^ row 1
    Put a local/fit step before it, with: {min_side: 512}.""",
    ),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_an_unfit_mask_is_refused_with_row_file_and_remedy(project: Project, kind: str) -> None:
    mask, message = UNFIT[kind]
    project.row("1", mask())
    assert project.said() == message


def test_a_mask_that_breaks_off_inside_is_refused_too(project: Project) -> None:
    raw = bytearray(coded(Image.fromarray(np.random.default_rng(0).integers(0, 2, (520, 520), np.uint8) * 255)))
    raw[len(raw) // 2 :] = raw[len(raw) // 2 :][:0] + bytes(len(raw) // 2 - 20) + b"\0\0\0\0IEND\xaeB`\x82"
    project.row("1", bytes(raw))
    assert "1.mask: the image is damaged or cut short" in project.said()


@pytest.mark.parametrize("mask", [coded(shape(), "JPEG", quality=80), coded(shape().convert("P")), coded(shape())])
def test_a_mask_with_lossy_noise_or_another_mode_is_taken(project: Project, mask: bytes) -> None:
    project.row("1", mask)
    assert (project.plan().problems, project.plan().totals.run) == ([], 1)


def test_one_bad_mask_stops_only_its_row(project: Project) -> None:
    project.row("1", coded(shape()))
    project.row("2", coded(Image.new("L", (520, 520), 0)))
    plan = project.plan()
    assert [problem.rows for problem in plan.problems] == [("2",)]
    assert (plan.totals.run, plan.totals.skip) == (1, 1)


def test_soft_edges_up_to_the_limit_are_taken_and_one_pixel_more_is_not() -> None:
    most = round(10_000 * MOST_GREY)
    assert fault(MaskFacts(10_000, 3_000, most)) is None
    assert fault(MaskFacts(10_000, 3_000, most + 1)).code == "MaskGrey"


def test_a_mask_of_the_images_size_fits() -> None:
    assert size_fault((512, 600), (512, 600)) is None
    assert size_fault((600, 512), (512, 600)).code == "MaskSize"


# -- keys


def test_another_mask_reruns_its_job_and_no_other(project: Project) -> None:
    project.row("1", coded(shape()))
    project.row("2", coded(shape().transpose(Image.Transpose.TRANSPOSE)))
    assert len(project.run()) == 2
    assert project.run() == []
    project.row("2", coded(shape().transpose(Image.Transpose.ROTATE_90)))
    (decision,) = [made for _, made in project.plan().decisions() if made.action is Action.RUN]
    assert (decision.reason, [change.field for change in decision.changes]) == (Reason.INPUT_CHANGED, ["mask"])
    assert len(project.run()) == 1


# -- looked at once


def test_a_masks_pixels_are_counted_once_and_remembered_by_content(project: Project, monkeypatch) -> None:
    counted = []
    before = edit_mask.facts
    monkeypatch.setattr(edit_mask, "facts", lambda mask: counted.append(mask) or before(mask))
    project.row("1", coded(shape()))
    project.row("2", coded(shape()))
    project.run()
    project.row("3", coded(shape()))
    project.plan()
    assert len(counted) == 1


@pytest.mark.parametrize("rerun", ["nothing", "prompt"])
def test_a_plan_loads_no_arrays_for_a_mask_that_it_knows(project: Project, rerun: str) -> None:
    project.row("1", coded(shape()))
    project.run()
    if rerun == "prompt":
        (project.folder / "r.yaml").write_text(RECIPE.replace('""', '"grass"'))
    program = "import sys\nfrom wanflow import api\nplan = api.plan('r.yaml')\n"
    listing = "print(plan.totals.run, *sorted({'numpy', 'cv2', 'PIL'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program + listing], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(int(rerun == "prompt"))]


# -- a mask that a step makes

MADE = RECIPE.replace("    mask: row.mask\n", "    mask: steps.fit\n").replace(
    "steps:\n", "steps:\n  fit: {uses: local/fit, image: row.mask, with: {max_side: 4096}}\n"
)


class Masking(FakeBackend):
    """Makes a real picture for local/fit: a mask with grey in it."""

    async def perform(self, call: Call) -> Result:
        if call.function != "local/fit":
            return await super().perform(call)
        raw = coded(with_grey())
        blob = Blob(Blobs(self.workers.store).put(raw), 520, 520, "PNG", len(raw))
        return Result((blob,), "real")


def test_a_mask_made_on_the_way_is_judged_before_the_edit(project: Project) -> None:
    (project.folder / "r.yaml").write_text(MADE)
    project.row("1", coded(shape()))
    options = api.Options(backends={"draft": lambda services: Masking(services.workers, project.fakery)})
    assert api.plan(project.folder / "r.yaml", options).problems == []
    _, record = api.run(project.folder / "r.yaml", options)
    assert record and record.exit_code == 1
    outcome = next(outcome for outcome in record.outcomes if outcome.job == "1/clean")
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "MaskGrey")
    assert outcome.error_message == (
        "the mask is unfit: 10,000 of 270,400 pixels (3.7 %) are neither black nor white. Save it as PNG with hard "
        "edges, white (edited) and black (kept); at most 2 % may be between."
    )
    assert project.fakery.steps() == []


def test_the_size_of_a_mask_that_a_step_will_make_is_judged_by_the_plan(project: Project) -> None:
    (project.folder / "r.yaml").write_text(MADE.replace("max_side: 4096", "max_side: 516"))
    project.row("1", coded(shape()))
    assert project.said().startswith(
        "r.yaml:9:11: the picture of fit: 516x516 px, but the image has 520x520 px; a mask has the image's size"
    )


# -- counting


def test_pixels_are_counted_as_white_grey_and_black() -> None:
    rgb = np.zeros((10, 10, 3), np.uint8)
    rgb[0] = 255
    rgb[1] = 247  # lossy noise
    rgb[2] = 8
    rgb[3] = 246
    rgb[4] = (255, 0, 0)
    assert edit_mask.facts(codec.decode(coded(rgb))) == MaskFacts(100, 30, 20)


def test_facts_outlive_the_index_format_they_were_kept_in(tmp_path: Path, index_of_version_1: Path) -> None:
    from wanflow.store.index import Index

    with Index.open(index_of_version_1).in_use() as index:
        index.note_masks({"ab": MaskFacts(9, 3, 1)})
        assert index.mask("ab") == MaskFacts(9, 3, 1)
        assert index.last_key("r", "1/a") == "old"


@pytest.fixture
def index_of_version_1(tmp_path: Path) -> Path:
    """An index as it was before masks were remembered."""
    from wanflow.store.formats import INDEX

    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as old:
        old.executescript(INDEX[0])
        old.executescript("PRAGMA user_version = 1; INSERT INTO jobs VALUES ('r', '1/a', 'old');")
    return tmp_path
