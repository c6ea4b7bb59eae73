"""Candidates, and what was chosen of them, as text for a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wanflow.choosing.picks import FIRST_TAKE
from wanflow.errors import inline
from wanflow.picking import Imported, Picking
from wanflow.planning.candidates import Candidates
from wanflow.settings import shown
from wanflow.telling.review import where
from wanflow.telling.words import count

# Of more jobs than these only the number is told, and no sharpness is measured.
MOST = 20


def listing(picking: Picking, recipe: str, *, every: bool = False) -> str:
    """The open picks, or all: row, step and candidates with a file to look at, its size and its sharpness."""
    wanted = picking.candidates if every else picking.open
    listed = wanted if every else wanted[:MOST]
    lines = [_head(picking)]
    files = picking.hang(listed)
    for one in listed:
        lines += ["", *_job(picking, one, files[one.job])]
    if rest := len(wanted) - len(listed):
        lines += ["", f"and {rest:,} more: --all lists them"]
    if picking.open:
        lines += ["", f"wanflow pick {recipe} {shlex.quote(picking.open[0].job)}#1 … chooses;"]
        lines += [f"wanflow pick {recipe} --sheet picks.html makes a page to choose in"]
    return "\n".join(inline(line) for line in lines)


def _head(picking: Picking) -> str:
    name, all_of = picking.planner.recipe.name, count(len(picking.candidates), "job")
    if not picking.candidates:
        return f"{name}: there are no candidates {where(picking.planner.plan)} yet; run the recipe first"
    return f"{name}: {count(len(picking.open), 'pick')} open of {all_of} with candidates"


def _job(picking: Picking, one: Candidates, files: Sequence[Path]) -> Iterator[str]:
    said = {"stale": "what was picked is no candidate any more", "chosen": "chosen by the step's rule"}
    chosen = f" #{', #'.join(map(str, one.numbers))}" if one.numbers else ""
    yield f"{one.job}  {said.get(one.state, one.state)}{chosen}"
    alike = len({blob.sha256 for blob in one.chosen.candidates}) == 1 < len(one.chosen.candidates)
    for number, (blob, file) in enumerate(zip(one.chosen.candidates, files, strict=True), start=1):
        size = f"{blob.width}x{blob.height}"
        sharp = f"sharpness {picking.sharpness(blob):>6,.0f}"
        yield f"  #{number}  {size:>9}  {blob.size_bytes / 1e6:>5.1f} MB  {sharp}  {shown(file, Path.cwd())}"
    if alike:
        yield "  they are all the same picture"


def chosen_text(picking: Picking, jobs: Sequence[str], recipe: str) -> str:
    """How many were chosen, how many are still open, and what comes next."""
    left = len({one.job for one in picking.open} - set(jobs))
    rest = f"{count(left, 'pick')} still open" if left else "none is open"
    return f"{count(len(jobs), 'choice')} in {picking.file.shown}, {rest}; wanflow run {recipe} goes on"


def imported_text(found: Imported, file: str) -> str:
    """What came of a file of picks."""
    lines = [f"{count(len(found.taken) + len(found.replaced), 'choice')} taken from {file}"]
    kinds: Mapping[str, tuple[str, ...]] = {
        "were chosen so already": found.same,
        "replace an earlier choice": found.replaced,
        "are kept as they are, since what is chosen here is later": found.kept,
    }
    for words, jobs in kinds.items():
        if jobs:
            more = f" and {len(jobs) - MOST:,} more" if len(jobs) > MOST else ""
            lines.append(inline(f"  {len(jobs):,} {words}: {', '.join(jobs[:MOST])}{more}"))
    if found.left:
        lines.append(f"  {count(found.left, 'line')} of takes or frozen results left there: only choices are taken in")
    return "\n".join(lines)


def takes_text(picking: Picking) -> str:
    """Every job that has several takes, and which goes on."""
    picks, lines = picking.planner.picks, []
    for row, step in dict.fromkeys((take.row, take.step) for take in picks.takes.values()):
        used = picks.take(row, step).name or FIRST_TAKE
        names = [FIRST_TAKE, *(take.name for take in picks.takes_of(row, step))]
        marked = ", ".join(f"{name} (goes on)" if name == used else name for name in names)
        lines.append(inline(f"{row}/{step}: {marked}"))
    return "\n".join(lines) or "no job has several takes"
