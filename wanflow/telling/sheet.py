"""A page to choose candidates in: one file that needs no network, with every text escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from wanflow.errors import EditError, UsageError, unwritable
from wanflow.model import Blob
from wanflow.picking import Picking
from wanflow.pictures.thumbnails import data_uri, thumbnail
from wanflow.planning.candidates import Candidates
from wanflow.settings import shown
from wanflow.store.blobs import write_whole
from wanflow.telling.html import template
from wanflow.telling.words import count

# Longer sides of the pictures in the page: of few pictures larger ones fit into the same megabytes.
LARGE, SMALL, FEW = 1024, 480, 120
QUALITY = 82
# A page of more of them is too much for a browser: 1,401 took 73 MB.
MOST = 1_500


def write_sheet(picking: Picking, target: Path, recipe: str) -> str:
    """Write the page; gives what to do with it, in words. Raises UsageError where it can't be written."""
    if target.exists() and not _is_sheet(target):
        raise UsageError(f"{target} is there already, and no page of picks; give another name")
    try:
        write_whole(target, [page(picking, recipe).encode()])
    except OSError as error:
        raise UsageError(f"--sheet: {unwritable(target.parent, error)}") from error
    size = target.stat().st_size / 1e6
    jobs = f"{count(len(picking.candidates), 'job')} with candidates, {len(picking.open):,} open"
    if len(shown_jobs := _those_shown(picking)) < len(picking.candidates):
        jobs += f"; the page has the first {len(shown_jobs):,}: take in what is chosen of them, then make the next"
    done = f"wanflow pick {recipe} --import {_file(picking)}"
    return f"{shown(target.resolve(), Path.cwd())}: {jobs} ({size:.1f} MB)\nWhat the page saves is taken in by: {done}"


def _is_sheet(target: Path) -> bool:
    with target.open("rb") as file:
        return b'id="about">' in file.read() and target.suffix.lower() in (".html", ".htm")


def page(picking: Picking, recipe: str) -> str:
    """The page's text."""
    those = _those_shown(picking)
    about = {"recipe": picking.file.recipe, "file": _file(picking), "sheet": picking.planner.plan.identity}
    command = f"wanflow pick {recipe} --import {_file(picking)}"
    return template("sheet.html", trims=False).render(
        name=picking.planner.recipe.name,
        jobs=list(_jobs(picking, those)),
        left=len(picking.candidates) - len(those),
        about=about,
        file=_file(picking),
        command=command,
    )


def _file(picking: Picking) -> str:
    return f"{picking.planner.recipe.name}-picks.yaml"


def _ratio(one: Candidates) -> str:
    """The sides of a job's frames: those of its candidates, unless they are very long."""
    width, height = one.chosen.candidates[0].size
    return f"{min(width, 2 * height)} / {min(height, 2 * width)}"


def _those_shown(picking: Picking) -> list[Candidates]:
    """As many as a page holds, and one at least: what is open first, in order of rows."""
    ordered = sorted(picking.candidates, key=lambda one: not one.is_open)
    sums = accumulate(map(_pictures, ordered))
    return [one for place, (one, sum_) in enumerate(zip(ordered, sums, strict=True)) if sum_ <= MOST or not place]


def _pictures(one: Candidates) -> int:
    return len(one.chosen.candidates) + bool(one.before)


def _jobs(picking: Picking, those: Sequence[Candidates]) -> Iterator[dict[str, Any]]:
    side = LARGE if sum(map(_pictures, those)) <= FEW else SMALL
    for one in those:
        yield {
            "row": one.row,
            "step": one.step,
            "top": one.top,
            "stale": one.chosen.stale,
            "ratio": _ratio(one),
            "when": _when(picking, one),
            "chosen": [blob.sha256 for blob in one.chosen.pictures],
            "before": _picture(one.before[1], side) if one.before else "",
            "candidates": [
                _candidate(picking, number, blob, side) for number, blob in enumerate(one.chosen.candidates, start=1)
            ],
        }


def _when(picking: Picking, one: Candidates) -> str:
    choice = picking.planner.picks.choices.get((one.row, one.step))
    return choice.when if choice else ""


def _candidate(picking: Picking, number: int, blob: Blob, side: int) -> dict[str, Any]:
    path = picking.planner.blobs.path(blob.sha256)
    sharpness = picking.known_sharpness(blob)
    return {
        "number": number,
        "sha256": blob.sha256,
        "picture": _picture(path, side),
        "width": blob.width,
        "height": blob.height,
        "sharpness": f"{sharpness:,.0f}" if sharpness else "",
    }


def _picture(path: Path, side: int) -> str:
    """A smaller JPEG of a picture as a data URI; an empty one for what can't be read."""
    try:
        return data_uri(thumbnail(path.read_bytes(), side, QUALITY))
    except (EditError, OSError):
        return "data:,"
