"""Where a report is put: whole or not at all, never over what isn't one; its small copies; the command."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import profiles
import pytest
from PIL import Image
from projects import (
    Small,
    as_ordinary_user,
    coded,
    gradient,
    jpeg_that_claims,
    no_file_larger_than,
    permissions,
    photo,
    small_project,
)

from wanflow import cache, reporting
from wanflow.backends.workers import Workers
from wanflow.errors import EditError, StoreError, UsageError
from wanflow.reporting import making, writing
from wanflow.reporting.records import record_of
from wanflow.reporting.timeline import MOST_BARS, timeline
from wanflow.reporting.views import LARGE, SMALL, Views, copies
from wanflow.store.upkeep import THUMBNAILS


@pytest.fixture
def project(tmp_path: Path) -> Small:
    made = small_project(tmp_path / "p")
    made.run()
    return made


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".wanflow-")]


# -- the folder


def test_a_report_is_a_folder_that_git_passes_over(project: Small) -> None:
    made = reporting.make(here=project.folder)
    assert made.path == project.folder / "report" / "index.html"
    names = [re.sub("[0-9a-f]{64}", "SHA", name) for name in files(made.path.parent)]
    copies_of_two_rows = ["pictures/SHA-320.webp"] * 4
    assert names == [".gitignore", "data/index.js", "data/rows-0001.js", "index.html", *copies_of_two_rows]
    assert (project.folder / "report" / ".gitignore").read_text() == "*\n"
    assert writing.MARK in made.path.read_bytes()[:4096]
    assert not (reporting.make(here=project.folder, out="given").path.parent / ".gitignore").exists()
    assert leftovers(project.folder) == []


def test_the_next_report_takes_the_place_of_the_last_one(project: Small) -> None:
    first = reporting.make(here=project.folder)
    before = files(first.path.parent)
    (project.folder / "photos" / "1.png").write_bytes(photo(7))
    project.run()
    second = reporting.make(here=project.folder)
    assert second.path == first.path
    assert second.run in second.path.read_text(encoding="utf-8")
    assert files(second.path.parent) != before
    assert leftovers(project.folder) == []


@pytest.mark.parametrize("single", [False, True])
def test_what_is_no_report_is_never_replaced(project: Small, single: bool) -> None:
    mine = project.folder / "mine"
    mine.mkdir()
    (mine / "index.html").write_text("<html>mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is there already, and no report"):
        reporting.make(here=project.folder, out=mine, single_file=single)
    assert files(mine) == ["index.html"]


def test_a_file_of_another_kind_is_never_a_single_report(project: Small) -> None:
    with pytest.raises(UsageError, match=r"r\.yaml is there already, and no report; give a name that ends in \.html"):
        reporting.make(here=project.folder, out=project.recipe, single_file=True)


def test_a_report_that_holds_somebodys_notes_stays(project: Small) -> None:
    made = reporting.make(here=project.folder)
    (made.path.parent / "notes.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(UsageError, match=r"also holds notes\.txt, which is not of a report; move it away"):
        reporting.make(here=project.folder)
    assert (made.path.parent / "notes.txt").read_text() == "keep"


def test_an_empty_folder_is_taken_and_a_file_is_not(project: Small) -> None:
    (project.folder / "empty").mkdir()
    assert reporting.make(here=project.folder, out="empty").rows == 2
    (project.folder / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file, and a report is a folder"):
        reporting.make(here=project.folder, out="file")
    with pytest.raises(UsageError, match="a report is a folder; --single-file makes it one file"):
        reporting.make(here=project.folder, out="x.html")


def test_two_reports_at_once_leave_one_whole_report(project: Small) -> None:
    reporting.make(here=project.folder)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: reporting.make(here=project.folder), range(4)))
    assert {made.rows for made in runs} == {2}
    assert len(files(project.folder / "report")) == 8
    assert leftovers(project.folder) == []


def test_a_full_disk_leaves_the_last_report_as_it_was(project: Small) -> None:
    made = reporting.make(here=project.folder)
    before = {name: (made.path.parent / name).read_bytes() for name in files(made.path.parent)}
    with (
        no_file_larger_than(20_000),
        pytest.raises(StoreError, match=r"^the report is not written: .* has no room left"),
    ):
        reporting.make(here=project.folder)
    with (
        no_file_larger_than(20_000),
        pytest.raises(StoreError, match=r"^the report is not written: .* has no room left"),
    ):
        reporting.make(here=project.folder, single_file=True)
    assert {name: (made.path.parent / name).read_bytes() for name in files(made.path.parent)} == before
    assert leftovers(project.folder) == []


def test_a_folder_that_cant_be_written_is_told(project: Small) -> None:
    (project.folder / "locked").mkdir()
    with permissions(project.folder / "locked", 0o555):
        done = as_ordinary_user(project, "report", "-o", "locked/r")
    assert done.returncode == 1
    assert done.stderr.startswith("wanflow: the report is not written: ")
    assert "Traceback" not in done.stderr


def test_a_store_that_cant_be_written_can_still_be_shown(project: Small) -> None:
    with permissions(project.store, 0o555), permissions(project.store / "objects", 0o555):
        done = as_ordinary_user(project, "report")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 rows, 4 pictures" in done.stdout
    assert not (project.store / THUMBNAILS).exists()


# -- one file


def test_a_single_file_holds_every_picture_once_and_nothing_else_is_written(project: Small) -> None:
    made = reporting.make(here=project.folder, single_file=True)
    assert made.path == project.folder / "report.html"
    text = made.path.read_text(encoding="utf-8")
    uris = re.findall(r"data:image/webp;base64,[A-Za-z0-9+/=]+", text)
    assert len(uris) == len(set(uris)) == 4
    assert writing.MARK.decode() in text[:4096]
    assert not (project.folder / "report").exists()
    assert reporting.make(here=project.folder, single_file=True, out="d").path == project.folder / "d" / "index.html"
    assert reporting.make(here=project.folder, single_file=True, out="d/x.htm").path.name == "x.htm"


def test_a_single_file_has_a_bound_which_it_tells(project: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "MOST_ROWS", 1)
    monkeypatch.setattr(making, "MOST_BYTES", 1)
    monkeypatch.setattr(making, "MOST_VIEW_BYTES", 0)
    made = reporting.make(here=project.folder, single_file=True)
    assert made.rows == 1
    assert "This file holds the first 1 of 2 rows" in made.notes[0]
    text = made.path.read_text(encoding="utf-8")
    assert "data:image/webp" not in text
    assert "no room for it in this file" in text


def test_odd_texts_are_data_in_both_forms(tmp_path: Path) -> None:
    odd = "</script><script>alert(1)</script>\u2028\x07"
    project = small_project(
        tmp_path / "p",
        steps=[f"small: {{uses: local/label, image: row.photo, with: {{text: {json.dumps(odd[:34])}}}}}"],
    )
    project.run()
    for single in (False, True):
        made = reporting.make(here=project.folder, single_file=single)
        everything = made.path.read_text(encoding="utf-8")
        assert "<script>alert" not in everything
        for file in (made.path.parent / "data").glob("*.js") if not single else ():
            assert file.read_bytes().isascii()


# -- small copies


def test_copies_are_kept_by_content_and_made_once(project: Small) -> None:
    reporting.make(here=project.folder)
    kept = {path: path.stat().st_mtime_ns for path in (project.store / THUMBNAILS).rglob("*.webp")}
    assert len(kept) == 8  # two sizes of two inputs and two results
    reporting.make(here=project.folder)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_damaged_copy_is_made_anew(project: Small) -> None:
    reporting.make(here=project.folder)
    [first, *_] = sorted((project.store / THUMBNAILS).rglob("*-320.webp"))
    whole = first.read_bytes()
    first.unlink()  # the report has the same file
    first.write_bytes(whole[:50])
    reporting.make(here=project.folder)
    assert first.read_bytes() == whole


def test_upkeep_removes_old_copies_and_the_next_report_makes_them_again(project: Small) -> None:
    reporting.make(here=project.folder)
    kept = sorted((project.store / THUMBNAILS).rglob("*.webp"))
    listed = cache.gc(project.folder, older_than_s=-60, dry_run=True)
    assert sorted(item.path for item in listed.items if item.kind == "view") == kept
    assert [item for item in cache.gc(project.folder).items if item.kind == "view"] == []  # younger than a month
    assert len([item for item in cache.gc(project.folder, older_than_s=-60).items if item.kind == "view"]) == len(kept)
    assert reporting.make(here=project.folder).pictures == 4


def test_a_damaged_or_missing_picture_is_told_and_the_rest_is_shown(project: Small) -> None:
    blobs = [path for path in (project.store / "objects").rglob("*") if path.is_file()]
    blobs[0].chmod(0o644)
    blobs[0].write_bytes(b"no picture")
    blobs[1].unlink()
    shutil.rmtree(project.folder / "out")
    made = reporting.make(here=project.folder)
    text = (made.path.parent / "data" / "rows-0001.js").read_text()
    assert (made.without, made.pictures) == (2, 2)
    assert "its file is another one by now" in text
    assert "not here any more" in text


def shown(raw: bytes, side: int = LARGE) -> Image.Image:
    return Image.open(io.BytesIO(copies(raw, [LARGE, SMALL])[side])).convert("RGB")


def near(one: Sequence[float], other: Sequence[float], most: float = 12) -> bool:
    return all(abs(a - b) <= most for a, b in zip(one, other, strict=True))


def test_copies_are_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = shown(coded(gradient(400, 200), "JPEG", quality=95, exif=exif))
    upright = Image.fromarray(gradient(400, 200)).transpose(Image.Transpose.ROTATE_270)
    assert picture.size == (200, 400)
    assert near(picture.getpixel((20, 20)), upright.getpixel((20, 20)))  # type: ignore[arg-type]


def test_copies_are_in_srgb_whatever_the_profile() -> None:
    orange = np.full((40, 40, 3), (180, 90, 60), np.uint8)
    profile = profiles.rgb_profile(profiles.ADOBE_RGB, 2.2)
    picture = shown(coded(orange, "PNG", icc_profile=profile))
    expected = profiles.as_srgb(orange[:1, :1], profiles.ADOBE_RGB, 2.2).ravel()
    assert near(picture.getpixel((20, 20)), expected, 6)  # type: ignore[arg-type]
    assert not near(expected, (180, 90, 60), 10)


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (Image.new("RGBA", (50, 50), (255, 0, 0, 0)), (255, 255, 255)),
        (Image.new("RGBA", (50, 50), (255, 0, 0, 255)), (255, 0, 0)),
        (Image.new("L", (50, 50), 90), (90, 90, 90)),
        (Image.new("1", (50, 50), 1), (255, 255, 255)),
        (Image.new("P", (50, 50), 0), (0, 0, 0)),
        (Image.fromarray(np.full((50, 50), 0x8080, np.uint16)), (128, 128, 128)),
    ],
)
def test_every_kind_of_picture_is_shown_on_white_with_8_bits(image: Image.Image, colour: tuple[int, int, int]) -> None:
    assert near(shown(coded(image)).getpixel((25, 25)), colour)  # type: ignore[arg-type]


def test_a_cmyk_photograph_is_shown() -> None:
    assert near(shown(coded(Image.new("CMYK", (60, 60), (0, 0, 0, 0)), "JPEG")).getpixel((5, 5)), (255, 255, 255))  # type: ignore[arg-type]


def test_a_small_picture_is_not_enlarged() -> None:
    assert shown(photo(), SMALL).size == (64, 48)


@pytest.mark.parametrize("raw", [b"", b"no picture", photo()[:200], jpeg_that_claims(60_000, 60_000)])
def test_what_cant_be_shown_raises_what_says_why(raw: bytes) -> None:
    with pytest.raises(EditError):
        copies(raw, [SMALL])


def test_a_worker_that_dies_costs_one_picture(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    path.write_bytes(jpeg_that_claims(60_000, 60_000))
    import hashlib

    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    workers = Workers(1, tmp_path)
    views = Views(tmp_path / "views", workers)
    try:
        views.make({sha256: [str(path)], "x": []})
    finally:
        workers.close()
    assert views.faults == {sha256: "too large to show", "x": "not known"}


# -- thousands of jobs in the lanes


def test_thousands_of_bars_are_folded_and_none_is_lost() -> None:
    spans = [[n * 0.5, 0.9] for n in range(4_000)]
    outcomes = [
        {"job": f"{n}/s", "function": "f", "status": "failed" if n == 1234 else "done", "worked": [span]}
        for n, span in enumerate(spans)
    ]
    step = {"id": "s", "function": "f", "per_run": False, "lane": "l", "slots": 2}
    head = {"steps": [step], "outcomes": outcomes, "totals": {"seconds": 2000.0}}
    [lane] = timeline(record_of(head), {})["lanes"]
    assert len(lane["bars"]) <= MOST_BARS + 2 * lane["slots"]
    assert sum(bar["jobs"] for bar in lane["bars"]) == 4_000
    [bad] = [bar for bar in lane["bars"] if bar["status"] == "failed"]
    assert bad["from"] <= 617 <= bad["to"]
    assert lane["folded"] == 4_000


# -- the command


def test_the_command_says_where_it_is(project: Small) -> None:
    done = project.command("report")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"report/index\.html: 2 rows, 4 pictures, [\d.]+ [kM]B \(run \S+\)\n", done.stdout)
    wrong = project.command("report", "nope")
    assert (wrong.returncode, wrong.stdout) == (64, "")
    assert wrong.stderr.startswith("wanflow: there is no run nope. There are: ")


def test_the_browser_is_opened_when_asked(project: Small, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/seen\n')
    browser.chmod(0o755)
    done = project.command("report", "--open", env={**os.environ, "BROWSER": f"{browser} %s"})
    assert done.returncode == 0
    assert (tmp_path / "seen").read_text().strip() == (project.folder / "report" / "index.html").as_uri()
