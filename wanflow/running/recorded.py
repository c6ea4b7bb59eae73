"""What a run's record says beside its outcomes, so that people can be shown all of the run: its steps, its rows with
the pictures they came with, the rows recognised whole, and the problems that it went on without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby

from wanflow.canon import JSON
from wanflow.choosing.picks import Picks
from wanflow.language.expand import RowError
from wanflow.language.recipe import Step
from wanflow.model import RefKind, Source
from wanflow.planning.plan import Planner
from wanflow.planning.planned import RowPlan, Unchanged
from wanflow.record import RunRecord
from wanflow.running.rowstate import RowState


def describe(record: RunRecord, planner: Planner) -> None:
    """Put all of it into a record, once the run is over."""
    plan = planner.plan
    record.identity = plan.identity
    record.steps = [_step(planner, step) for step in plan.steps]
    record.told_problems = [problem.json() for problem in plan.problems]
    numbered = enumerate(plan.entries)
    record.rows = [_row(planner, at, entry) for at, entry in numbered if isinstance(entry, RowPlan)]
    record.unchanged = list(_unchanged(planner))


def note_choosers(rows: Iterable[RowState], picks: Picks) -> None:
    """Say of each pick who made it."""
    for state in rows:
        for step, outcome in state.outcomes.items():
            if (state.entry.key, step) in picks.frozen:
                outcome.picked_by = "frozen"
            elif outcome.chosen and outcome.chosen.pictures:
                by_hand = picks.choice(state.entry.key, step)
                outcome.picked_by = "hand" if by_hand else state.level.steps[state.level.numbers[step]].pick.by


def _step(planner: Planner, step: Step) -> JSON:
    terms = planner.plan.terms[step.id]
    return {
        "id": step.id,
        "function": step.function.name,
        "model": step.model,
        "needs": list(dict.fromkeys(step.needs)),
        "tags": list(step.tags),
        "lane": terms.lane,
        "slots": terms.limits.slots + terms.limits.ahead,
        "per_run": step.per_run,
        "candidates": step.candidates,
        "usd_image": None if terms.usd is None else str(terms.usd),
    }


def _row(planner: Planner, at: int, entry: RowPlan) -> JSON:
    return {"at": at, "row": entry.key, "place": _place(planner, entry), "inputs": list(_inputs(planner, entry))}


def _place(planner: Planner, entry: RowPlan) -> str:
    """What messages call a row's place, wherever wanflow was started: photos.csv:3, or the file that a glob found."""
    manifest, spec = planner.manifest, planner.recipe.manifest
    if not manifest or not spec or manifest.of_files or not entry.row.place:
        return entry.row.place
    return f"{planner.inputs.relative(planner.recipe.folder / spec.source)}:{entry.row.line}"


def _inputs(planner: Planner, entry: RowPlan) -> Iterator[JSON]:
    """The pictures that a row's steps take and no step makes, each once; what can't be had is told by its job."""
    named: dict[str, tuple[Step, str]] = {}
    for step in planner.plan.level(entry).steps:
        for slot, ref in step.inputs.items():
            if ref.kind is not RefKind.STEP:
                named.setdefault(str(ref), (step, slot))
    for name, (step, slot) in named.items():
        with suppress(RowError):
            found = planner.supplier.found(step.inputs[slot], entry.row, step.named_at(slot))
            if isinstance(found, Source):
                blob = found.blob
                size = {"sha256": blob.sha256, "width": blob.width, "height": blob.height}
                yield {"ref": name, "name": found.name, "path": found.path, **size}


def _unchanged(planner: Planner) -> Iterator[JSON]:
    """Neighbours of one shape together: ten thousand rows that are as they were take no time and little room."""
    numbered = ((at, entry) for at, entry in enumerate(planner.plan.entries) if isinstance(entry, Unchanged))
    for (_, shape), group in groupby(enumerate(numbered), lambda pair: (pair[1][0] - pair[0], pair[1][1].shape)):
        together = [one for _, one in group]
        yield {"at": together[0][0], "shape": shape, "rows": [entry.key for _, entry in together]}
